"""Writes a scene as SVG; each part has its name and its line in the spec as data attributes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from archspec.draw.picture import Place
from archspec.draw.scene import Group, PathShape, Point, Rect, Scene, SceneShape, Text
from archspec.printable import escape_markup

FONTS = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
_PIXELS = 96 / 72  # of SVG and CSS for a point in print


def write_svg(scene: Scene) -> str:
    """The SVG, the same text for the same scene on every machine."""
    return "\n".join(_format_elements(scene)) + "\n"


def _format_elements(scene: Scene) -> Iterator[str]:
    wide, high = _format_number(scene.width), _format_number(scene.height)
    pixels = _PIXELS if scene.scale else 1.0
    shown_wide, shown_high = (_format_number(size * pixels) for size in scene.printed)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{shown_wide}" height="{shown_high}" viewBox="0 0 {wide} {high}" '
        f'role="img" aria-labelledby="title desc" font-family="{FONTS}">'
    )
    yield f'<title id="title">{escape_xml(scene.title)}</title>'
    yield f'<desc id="desc">{escape_xml(scene.description)}</desc>'
    yield f'<rect width="{wide}" height="{high}" fill="{scene.paper}"/>'
    taken: dict[str, int] = {"title": 1, "desc": 1}
    for group in scene.groups:
        yield from _format_group(group, taken)
    yield "</svg>"


def escape_xml(given: str) -> str:
    """The text, escaped for XML."""
    return escape_markup(given)


def _format_group(group: Group, taken: dict[str, int]) -> Iterator[str]:
    shapes = "".join(_format_shape(shape) for shape in group.shapes)
    if group.role not in {"node", "frame"}:
        yield f'<g class="{group.role}{" " + group.kind if group.kind else ""}">{_format_tip(group.tip)}{shapes}</g>'
        return
    link = _spec_link(group.place)
    opened = f'<a href="{escape_xml(link)}">' if link else ""
    yield (
        f'<g{_format_id(group.place, taken)} class="{group.role} {group.kind}"{_format_data(group.place)}>'
        f"{_format_tip(group.tip)}{opened}{shapes}{'</a>' if link else ''}</g>"
    )


def _format_id(place: Place, taken: dict[str, int]) -> str:
    """The name as an id; a later part of the same name gets a number."""
    if not place.name:
        return ""
    taken[place.name] = taken.get(place.name, 0) + 1
    number = f"~{taken[place.name]}" if taken[place.name] > 1 else ""
    return f' id="{escape_xml(place.name + number)}"'


def _format_data(place: Place) -> str:
    name = f' data-name="{escape_xml(place.name)}"' if place.name else ""
    span = place.span
    if span is None or not span.source.text:
        return name
    return f'{name} data-spec="{escape_xml(_file_name(span.source.name))}" data-line="{span.line}" data-column="{span.column}"'


def _spec_link(place: Place) -> str:
    """A link to the line of the spec that defines a part; empty if the spec is no file."""
    span = place.span
    if span is None or not span.source.text or span.source.name.startswith("<"):
        return ""
    file = quote(
        _file_name(span.source.name), safe="", errors="surrogateescape"
    )  # bytes that are no UTF-8 stay these bytes
    return f"./{file}#L{span.line}"


def _file_name(name: str) -> str:
    """The file name without its folders."""
    return name.replace("\\", "/").rpartition("/")[2]


def _format_tip(tip: str) -> str:
    return f"<title>{escape_xml(tip)}</title>" if tip else ""


def _format_shape(shape: SceneShape) -> str:
    if isinstance(shape, Rect):
        line = f' stroke="{shape.line}" stroke-width="{_format_number(shape.thick)}"' if shape.thick else ""
        return (
            f'<rect x="{_format_number(shape.x)}" y="{_format_number(shape.y)}" width="{_format_number(shape.width)}" '
            f'height="{_format_number(shape.height)}" rx="{_format_number(shape.radius)}" fill="{shape.fill}"{line}/>'
        )
    if isinstance(shape, Text):
        bold = ' font-weight="bold"' if shape.bold else ""
        anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
        return (
            f'<text x="{_format_number(shape.x)}" y="{_format_number(shape.y)}" font-size="{_format_number(shape.size)}" '
            f'fill="{shape.colour}"{bold}{anchor}>{escape_xml(shape.text)}</text>'
        )
    dash = f' stroke-dasharray="{" ".join(map(str, shape.dash))}"' if shape.dash else ""
    return (
        f'<path d="{_format_path_data(shape)}" fill="{shape.fill or "none"}" stroke="{shape.line}" '
        f'stroke-width="{_format_number(shape.thick)}"{dash}/>'
    )


def _format_path_data(path: PathShape) -> str:
    first, *others = map(_format_point, path.points)
    return f"M{first}{'L' if path.straight else 'C'}{' '.join(others)}{'Z' if path.fill else ''}"


def _format_point(point: Point) -> str:
    return f"{_format_number(point[0])},{_format_number(point[1])}"


def _format_number(given: float) -> str:
    """A number with at most one digit after the point."""
    return f"{given:.1f}".removesuffix(".0") if round(given, 1) else "0"
