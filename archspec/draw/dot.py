"""Writes a picture as DOT, which Graphviz lays out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.draw.media import MEDIA
from archspec.draw.picture import Box, Cluster, Edge, Picture, refuse_scale
from archspec.draw.text import SIZE
from archspec.draw.theme import LIGHT, Theme
from archspec.printable import escape_unprintable

_FONT = "Helvetica,Arial,sans-serif"
_INCH = 72
_BOLD = 1.25  # width of the widest bold font, relative to the font that Graphviz measures with


def write_dot(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as a digraph. The boxes have fixed sizes, so that the layout does not depend on installed fonts. Raises `DrawError` for boxes to scale."""
    refuse_scale(picture, "DOT")
    return "\n".join(_format_statements(picture, theme)) + "\n"


def quote_dot(text: str) -> str:
    """Lines of text as a DOT string; backslashes and quotes are escaped."""
    lines = (escape_unprintable(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'


def _format_statements(picture: Picture, theme: Theme) -> Iterator[str]:
    yield f"digraph {quote_dot(picture.title)} {{"
    yield f"  graph [{_format_attributes(_graph_attributes(picture, theme))}]"
    yield f'  node [shape=box, style="filled,rounded", fixedsize=true, fontname="{_FONT}", fontsize={SIZE:g}]'
    yield f'  edge [arrowsize=0.6, fontname="{_FONT}", fontsize={SIZE - 1:g}, fontcolor="{theme.faint}"]'
    yield from _format_members(picture.by_frame, None, theme, "  ")
    for rank in picture.ranks:
        yield f"  {{ rank=same; {'; '.join(rank)} }}"
    for edge in picture.edges:
        ends = (edge.head, edge.tail) if edge.rising else (edge.tail, edge.head)
        yield f"  {' -> '.join(ends)} [{_format_attributes(_edge_attributes(edge, theme))}]"
    yield "}"


def _graph_attributes(picture: Picture, theme: Theme) -> dict[str, str]:
    size = {"size": "{:g},{:g}".format(*MEDIA[picture.fit].inches)} if picture.fit else {}
    return size | {
        "rankdir": picture.direction,
        "ranksep": f"{picture.gap / _INCH:.3f}",
        "nodesep": "0.22",
        "bgcolor": theme.paper,
        "fontname": _FONT,
        "fontsize": f"{SIZE:g}",
        "fontcolor": theme.ink,
        "tooltip": picture.description,
    }


def _format_members(
    held: Mapping[str | None, Sequence[Box | Cluster]], cluster: str | None, theme: Theme, indent: str
) -> Iterator[str]:
    for part in held[cluster]:
        if isinstance(part, Box):
            yield f"{indent}{part.id} [{_format_attributes(_box_attributes(part, theme))}]"
            continue
        yield f"{indent}subgraph cluster_{part.id} {{"
        yield f"{indent}  graph [{_format_attributes(_frame_attributes(part, theme))}]"
        yield from _format_members(held, part.id, theme, indent + "  ")
        yield f"{indent}}}"


def _box_attributes(box: Box, theme: Theme) -> dict[str, str]:
    shown = {
        "label": "\n".join(line.described for line in box.lines),
        "width": f"{box.width / _INCH:.4f}",
        "height": f"{box.height / _INCH:.4f}",
        "color": theme.lines[box.kind],
        "fillcolor": theme.fills[box.kind],
        "fontcolor": theme.ink,
        "tooltip": box.tip or box.place.name,
    }
    return shown | ({"shape": "circle"} if box.sign else {})


def _frame_attributes(frame: Cluster, theme: Theme) -> dict[str, str]:
    return {
        "label": "\n".join(filter(None, (frame.heading, frame.note))),
        "labeljust": "l",
        "fontsize": f"{SIZE * _BOLD:.1f}",
        "style": "filled,rounded",
        "margin": "9",
        "color": theme.rule,
        "fillcolor": theme.frame(frame.level),
        "tooltip": frame.place.name,
    }


def _edge_attributes(edge: Edge, theme: Theme) -> dict[str, str]:
    shown = {"color": theme.flows[edge.flow], "weight": str(edge.weight)}
    if edge.label:
        shown["label"] = f" {edge.label} "
    if edge.thick:
        shown["penwidth"] = f"{edge.thick:g}"
    if edge.flow != "flow":
        shown |= {"style": {"projection": "dashed", "gate": "dotted"}.get(edge.flow, "solid"), "tooltip": edge.flow}
    return shown | ({"dir": "back"} if edge.rising else {})


def _format_attributes(given: dict[str, str]) -> str:
    return ", ".join(f"{name}={quote_dot(value)}" for name, value in given.items())
