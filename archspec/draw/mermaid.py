"""Writes a picture as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.draw.picture import Box, Cluster, DrawError, Edge, Picture, refuse_scale
from archspec.draw.theme import LIGHT, Theme
from archspec.printable import escape_unprintable

_ARROWS = {"flow": "-->", "identity": "==>", "concat": "==>", "projection": "-.->", "gate": "-.->"}
_KEPT = frozenset(" .,:+-/()|×·…–_=%→")


def write_mermaid(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as a flowchart. Raises `DrawError` if it is to have a size or a scale, which Mermaid has not."""
    refuse_scale(picture, "a flowchart of Mermaid")
    if picture.fit:
        raise DrawError("a flowchart of Mermaid has no size", "leave --fit out, or write .svg or .pdf")
    return "\n".join(_format_statements(picture, theme)) + "\n"


def escape_mermaid(text: str) -> str:
    """A text for Mermaid's quotes: characters that could be markup are written as numeric entities."""
    return "".join(c if c.isalnum() or c in _KEPT else f"#{ord(c)};" for c in escape_unprintable(text))


def _format_statements(picture: Picture, theme: Theme) -> Iterator[str]:
    yield "flowchart " + picture.direction.replace("TB", "TD")
    yield f"  accTitle: {_strip_markup(picture.title)}"
    yield f"  accDescr: {_strip_markup(picture.description)}"
    yield from _format_members(picture.by_frame, None, "  ")
    for number, edge in enumerate(picture.edges):
        yield f"  {_format_edge(edge)}"
        if edge.flow != "flow":
            yield f"  linkStyle {number} stroke:{theme.flows[edge.flow]}"
    for kind in picture.kinds:
        yield f"  classDef {kind}Kind fill:{theme.fills[kind]},stroke:{theme.lines[kind]},color:{theme.ink}"
        yield f"  class {','.join(box.id for box in picture.boxes if box.kind == kind)} {kind}Kind"


def _format_members(
    held: Mapping[str | None, Sequence[Box | Cluster]], frame: str | None, indent: str
) -> Iterator[str]:
    for part in held[frame]:
        if isinstance(part, Box):
            yield indent + _format_box(part)
            continue
        yield f'{indent}subgraph {part.id}["{escape_mermaid(part.heading)}"]'
        yield from _format_members(held, part.id, indent + "  ")
        yield f"{indent}end"


def _format_box(box: Box) -> str:
    text = "<br/>".join(escape_mermaid(line.described) for line in box.lines)
    return f'{box.id}(("{text}"))' if box.sign else f'{box.id}["{text}"]'


def _format_edge(edge: Edge) -> str:
    label = f'|"{escape_mermaid(edge.label)}"|' if edge.label else ""
    return f"{edge.tail} {_ARROWS[edge.flow]}{label} {edge.head}"


def _strip_markup(text: str) -> str:
    """A text for a place where Mermaid has no escapes: characters that could be markup become spaces."""
    return " ".join("".join(c if c.isalnum() or c in _KEPT else " " for c in text).split())
