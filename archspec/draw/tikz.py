r"""Writes a scene as a `tikzpicture`, which a LaTeX document reads with `\input`; its text has the fonts of the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

from archspec.draw.scene import Group, PathShape, Point, Rect, Scene, SceneShape, Text
from archspec.draw.theme import Theme
from archspec.markup import escape_latex
from archspec.printable import escape_unprintable

_LARGEST = 14_400.0  # points of the longer side; TeX's dimensions end at 16,383
_LEADING = 1.2
_WHITE = "#ffffff"
_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}


def write_tikz(scene: Scene, theme: Theme) -> str:
    """The picture in LaTeX, the same text for the same scene on every machine. Each colour is defined once, by its name in the theme."""
    return "\n".join(_TikzWriter(scene, theme).iter_lines()) + "\n"


def name_colours(theme: Theme) -> Mapping[str, str]:
    """The names of a theme's colours in LaTeX by colour; a colour of several uses has the name of the first.

    >>> from archspec.draw import THEMES
    >>> name_colours(THEMES["light"])["#06419B"]
    'archspecConvLine'
    """
    named = {"Paper": theme.paper, "Ink": theme.ink, "Faint": theme.faint, "Rule": theme.rule}
    named |= {f"Frame{level}": colour for level, colour in enumerate(theme.frames)}
    for use, colours in (("Line", theme.lines), ("Fill", theme.fills), ("Arrow", theme.flows)):
        named |= {f"{kind.title()}{use}": colour for kind, colour in colours.items()}
    return {colour: f"archspec{name}" for name, colour in reversed(named.items())}


class _TikzWriter:
    """Writes one scene. Coordinates are those of the scene, from the top left; lengths and sizes of text are scaled."""

    def __init__(self, scene: Scene, theme: Theme) -> None:
        self.scene, self.names = scene, name_colours(theme)
        self.scale = min(scene.scale or 1.0, _LARGEST / max(scene.width, scene.height))

    def iter_lines(self) -> Iterator[str]:
        scene = self.scene
        yield f"% {escape_unprintable(scene.title)}: {escape_unprintable(scene.description)}"
        yield "% \\input it where the document has \\usepackage{tikz}; as a file of its own: \\documentclass{standalone}"
        for colour in sorted(set(_iter_colours(scene)), key=self._name_colour):
            yield f"\\definecolor{{{self._name_colour(colour)}}}{{HTML}}{{{colour[1:].upper()}}}"
        yield f"\\begin{{tikzpicture}}[x={_format(self.scale, 4)}bp, y={_format(-self.scale, 4)}bp, inner sep=0pt, outer sep=0pt,"
        yield "  line cap=butt, line join=miter]"
        yield f"\\useasboundingbox (0,0) rectangle {_point((scene.width, scene.height))};"
        if scene.paper != _WHITE:
            yield f"\\fill[{self._name_colour(scene.paper)}] (0,0) rectangle {_point((scene.width, scene.height))};"
        for group in scene.groups:
            yield _describe_group(group)
            yield from map(self._format_shape, group.shapes)
        yield "\\end{tikzpicture}"

    def _format_shape(self, shape: SceneShape) -> str:
        if isinstance(shape, Text):
            return self._format_text(shape)
        return self._format_rect(shape) if isinstance(shape, Rect) else self._format_path(shape)

    def _format_text(self, text: Text) -> str:
        bold = "\\bfseries" if text.bold else ""
        font = f"\\fontsize{{{self._length(text.size)}}}{{{self._length(text.size * _LEADING)}}}\\selectfont{bold}"
        options = f"anchor={_ANCHORS[text.anchor]}, text={self._name_colour(text.colour)}, font={font}"
        return f"\\node[{options}] at {_point((text.x, text.y))} {{{escape_latex(text.text)}}};"

    def _format_rect(self, rect: Rect) -> str:
        radius = min(rect.radius, rect.width / 2, rect.height / 2)
        options = [f"fill={self._name_colour(rect.fill)}"]
        options += [f"draw={self._name_colour(rect.line)}, line width={self._length(rect.thick)}"] if rect.thick else []
        options += [f"rounded corners={self._length(radius)}"] if radius else []
        opposite = rect.x + rect.width, rect.y + rect.height
        return f"\\path[{', '.join(options)}] {_point((rect.x, rect.y))} rectangle {_point(opposite)};"

    def _format_path(self, path: PathShape) -> str:
        options = [f"draw={self._name_colour(path.line)}, line width={self._length(path.thick)}"]
        options += [f"fill={self._name_colour(path.fill)}"] if path.fill else []
        options += [f"dash pattern={self._format_dash(path.dash)}"] if path.dash else []
        return f"\\path[{', '.join(options)}] {_format_points(path)};"

    def _format_dash(self, dash: Sequence[int]) -> str:
        return " ".join(
            f"{word} {self._length(length)}" for word, length in zip(cycle(("on", "off")), dash, strict=False)
        )

    def _length(self, points: float) -> str:
        return f"{_format(points * self.scale, 2)}bp"

    def _name_colour(self, colour: str) -> str:
        return self.names.get(colour) or f"archspec{colour[1:]}"


def _iter_colours(scene: Scene) -> Iterator[str]:
    if scene.paper != _WHITE:
        yield scene.paper
    for shape in scene.shapes:
        yield from filter(None, (shape.colour,) if isinstance(shape, Text) else (shape.fill, shape.line))


def _describe_group(group: Group) -> str:
    """A comment that names the part of the network."""
    words = filter(None, (group.role, group.kind if group.kind != group.role else "", group.place.name))
    return f"% {escape_unprintable(' '.join(words))}"


def _format_points(path: PathShape) -> str:
    first, *others = map(_point, path.points)
    if path.straight:
        joined = "".join(f" -- {point}" for point in others)
    else:
        thirds = zip(others[::3], others[1::3], others[2::3], strict=True)
        joined = "".join(f" .. controls {start} and {end} .. {point}" for start, end, point in thirds)
    return f"{first}{joined}{' -- cycle' if path.fill else ''}"


def _point(point: Point) -> str:
    return f"({_format(point[0], 2)},{_format(point[1], 2)})"


def _format(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
