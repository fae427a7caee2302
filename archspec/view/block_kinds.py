"""Finds the distinct blocks of a network, and names them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import accumulate, takewhile

from archspec.ir.graph import Node, Region, computes
from archspec.view.repetition import FoldedGraph, find_wiring
from archspec.view.skip_connections import find_skip_connections
from archspec.view.stage_rows import find_skip_kind

_NAMES = 48  # the most characters of the names of a block's regions
_LARGE = 60  # the most nodes of a block that is drawn with the blocks inside it


@dataclass(frozen=True, slots=True)
class BlockKind:
    """A distinct block: its first region, and the number of regions that are equal to it."""

    region: Region
    times: int
    title: str
    """Its name, which no other kind has."""
    names: str
    """The names of the regions."""


def find_distinct_blocks(folded: FoldedGraph) -> list[BlockKind]:
    """The distinct innermost blocks that contain a join; the innermost of all if none does."""
    joined = list(_find_innermost(folded, 0, joins=True)) or list(_find_innermost(folded, 0, joins=False))
    by_structure: dict[Hashable, list[Region]] = {}
    for region in joined:
        by_structure.setdefault(_block_structure(folded, region), []).append(region)
    groups = list(by_structure.values())
    titles = _title_variants(folded, [regions[0] for regions in groups])
    return [
        BlockKind(regions[0], len(regions), title, _list_names(regions))
        for regions, title in zip(groups, titles, strict=True)
    ]


def _list_names(regions: list[Region]) -> str:
    """The names of some regions without what they share, those that follow each other as a range: `layer1.1–2, layer2.1–3`."""
    levels = zip(*(region.path[:-1] for region in regions), strict=False)
    shared = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels)) if len(regions) > 1 else 0
    ranges: list[list[Region]] = []
    for region in regions:
        if ranges and region.parent == ranges[-1][-1].parent and _number(region) == _number(ranges[-1][-1]) + 1:
            ranges[-1].append(region)
        else:
            ranges.append([region])
    starts = [".".join(some[0].path[shared:]) for some in ranges]
    starts = [some[0].name for some in ranges] if any(name[:1].isdecimal() for name in starts) else starts
    ends = [f"–{_number(some[-1])}" if len(some) > 1 else "" for some in ranges]
    names = list(dict.fromkeys(map(str.__add__, starts, ends)))
    fitting = [
        name for name, end in zip(names, accumulate(len(name) + 2 for name in names), strict=True) if end <= _NAMES
    ]
    return ", ".join([*(fitting or names[:1]), *(["…"] if len(fitting or names[:1]) < len(names) else [])])


def _number(region: Region) -> int:
    """The number at the end of a name; -1 without one."""
    last = region.path[-1] if region.path else ""
    digits = last[len(last.rstrip("0123456789")) :]
    return int(digits) if digits else -1


def _title_variants(folded: FoldedGraph, regions: list[Region]) -> list[str]:
    """A title for each block: its name; of several with one name, with its kind of skip connection or else where it first is."""
    names = [region.kind or region.name for region in regions]
    flows = find_skip_connections(folded.graph)
    skips = [find_skip_kind(folded, region, flows) for region in regions]
    by_skip = [f"{name}, {skip}" if skip else name for name, skip in zip(names, skips, strict=True)]
    by_place = [f"{name}, first {region.name}" for name, region in zip(names, regions, strict=True)]
    return [
        name if names.count(name) == 1 else skip if by_skip.count(skip) == 1 and skip != name else place
        for name, skip, place in zip(names, by_skip, by_place, strict=True)
    ]


def _find_innermost(folded: FoldedGraph, region: int, *, joins: bool) -> Iterator[Region]:
    for facts in folded.members[region]:
        part = facts.part
        if not isinstance(part, Region):
            continue
        deeper = list(_find_innermost(folded, part.id, joins=joins))
        if deeper and not (
            part.kind and len(folded.node_range(part)) <= _LARGE and _has_own_join(folded, part) and joins
        ):
            yield from deeper
        elif part.kind and (_contains_join(folded, part) or not joins):
            yield part


def _has_own_join(folded: FoldedGraph, region: Region) -> bool:
    return any(computes(f.part) and f.part.op.join for f in folded.members[region.id])


def _contains_join(folded: FoldedGraph, region: Region) -> bool:
    inside = (folded.graph.nodes[id] for id in folded.node_range(region))
    return any(computes(node) and node.op.join for node in inside)


def _block_structure(folded: FoldedGraph, region: Region) -> Hashable:
    """A key that blocks of the same ops, kernels and wiring share; widths and strides are left out."""
    inside = folded.node_range(region)
    shape: list[Hashable] = []
    for id in inside:
        node = folded.graph.nodes[id]
        if isinstance(node, Node):
            wiring = tuple(producer for producer, _ in find_wiring(node, inside))
            shape.append((node.op.word, dict(node.op).get("kernel") if node.op.weighted else None, wiring))
    return (region.kind, tuple(shape))
