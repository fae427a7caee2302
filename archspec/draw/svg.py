"""A scene as SVG: real text, a title and a description, and on each part its name and its place in the spec."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from archspec.draw.picture import Place
from archspec.draw.scene import Group, Path, Point, Rect, Scene, Shape, Text
from archspec.printable import escape_markup

FONTS = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"


def svg(scene: Scene) -> str:
    """The text of the SVG; the same bytes for the same scene, on every machine."""
    return "\n".join(_elements(scene)) + "\n"


def _elements(scene: Scene) -> Iterator[str]:
    wide, high = _number(scene.width), _number(scene.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
        f'role="img" aria-labelledby="title desc" font-family="{FONTS}">'
    )
    yield f'<title id="title">{text(scene.title)}</title>'
    yield f'<desc id="desc">{text(scene.description)}</desc>'
    yield f'<rect width="{wide}" height="{high}" fill="{scene.paper}"/>'
    taken: dict[str, int] = {"title": 1, "desc": 1}
    for group in scene.groups:
        yield from _group(group, taken)
    yield "</svg>"


def text(given: str) -> str:
    """A text that XML can hold, escaped."""
    return escape_markup(given)


def _group(group: Group, taken: dict[str, int]) -> Iterator[str]:
    shapes = "".join(_shape(shape) for shape in group.shapes)
    if group.role not in {"node", "frame"}:
        yield f'<g class="{group.role}{" " + group.kind if group.kind else ""}">{_tip(group.tip)}{shapes}</g>'
        return
    link = _link(group.place)
    opened = f'<a href="{text(link)}">' if link else ""
    yield (
        f'<g{_id(group.place, taken)} class="{group.role} {group.kind}"{_data(group.place)}>'
        f"{_tip(group.tip)}{opened}{shapes}{'</a>' if link else ''}</g>"
    )


def _id(place: Place, taken: dict[str, int]) -> str:
    """The name as the target of a link; a later part of the same name gets a number."""
    if not place.name:
        return ""
    taken[place.name] = taken.get(place.name, 0) + 1
    number = f"~{taken[place.name]}" if taken[place.name] > 1 else ""
    return f' id="{text(place.name + number)}"'


def _data(place: Place) -> str:
    name = f' data-name="{text(place.name)}"' if place.name else ""
    span = place.span
    if span is None or not span.source.text:
        return name
    return f'{name} data-spec="{text(_file(span.source.name))}" data-line="{span.line}" data-column="{span.column}"'


def _link(place: Place) -> str:
    """The line of the spec that makes a part, where the spec is a file."""
    span = place.span
    if span is None or not span.source.text or span.source.name.startswith("<"):
        return ""
    file = quote(_file(span.source.name), safe="", errors="surrogateescape")  # bytes that are no UTF-8 stay these bytes
    return f"./{file}#L{span.line}"


def _file(name: str) -> str:
    """A file without the folders in which it happens to be on this machine."""
    return name.replace("\\", "/").rpartition("/")[2]


def _tip(tip: str) -> str:
    return f"<title>{text(tip)}</title>" if tip else ""


def _shape(shape: Shape) -> str:
    if isinstance(shape, Rect):
        line = f' stroke="{shape.line}" stroke-width="{_number(shape.thick)}"' if shape.thick else ""
        return (
            f'<rect x="{_number(shape.x)}" y="{_number(shape.y)}" width="{_number(shape.width)}" '
            f'height="{_number(shape.height)}" rx="{_number(shape.radius)}" fill="{shape.fill}"{line}/>'
        )
    if isinstance(shape, Text):
        bold = ' font-weight="bold"' if shape.bold else ""
        anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
        return (
            f'<text x="{_number(shape.x)}" y="{_number(shape.y)}" font-size="{_number(shape.size)}" '
            f'fill="{shape.colour}"{bold}{anchor}>{text(shape.text)}</text>'
        )
    dash = f' stroke-dasharray="{" ".join(map(str, shape.dash))}"' if shape.dash else ""
    return (
        f'<path d="{_way(shape)}" fill="{shape.fill or "none"}" stroke="{shape.line}" '
        f'stroke-width="{_number(shape.thick)}"{dash}/>'
    )


def _way(path: Path) -> str:
    first, *others = map(_point, path.points)
    return f"M{first}{'L' if path.straight else 'C'}{' '.join(others)}{'Z' if path.fill else ''}"


def _point(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _number(given: float) -> str:
    """A number with at most one digit after the point: a tenth of a point is finer than any screen."""
    return f"{given:.1f}".removesuffix(".0") if round(given, 1) else "0"
