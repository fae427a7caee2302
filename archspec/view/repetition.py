"""Which parts of a network are drawn as one: equal parts in a row, or many side by side."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from archspec.ir.graph import Graph, Input, Node, Region
from archspec.view.hierarchy import GraphPart, PartFacts, build_hierarchy, relative_name, select_scalars
from archspec.view.labels import format_name_range

_MANY = 5  # equal parts side by side that are worth a fold; fewer are what the figure is about
_PERIOD = 6  # parts that may repeat together


@dataclass(frozen=True, slots=True)
class PartRun:
    """Parts of one structure, the first of which stands for all.

    What repeats may be several parts long, a block and the layers that feed it: their runs have the same `first_node`.
    """

    parts: tuple[PartFacts, ...]
    first_node: int = -1
    """The first node of what repeats."""

    @property
    def first(self) -> PartFacts:
        return self.parts[0]

    @property
    def last(self) -> PartFacts:
        return self.parts[-1]

    @property
    def times(self) -> int:
        return len(self.parts)


@dataclass
class FoldedGraph:
    """The parts of a graph, region by region, and which of them are alike.

    Two parts are alike if they have the same names, ops and wiring; the widths that the ops find may differ, as they do from
    layer to layer of a dense block.
    """

    graph: Graph
    fold: bool = True
    members: list[list[PartFacts]] = field(init=False)
    node_ranges: list[range] = field(init=False)
    _structures: dict[Hashable, int] = field(default_factory=dict)
    _structure_ids: dict[tuple[bool, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = build_hierarchy(self.graph).members
        self.node_ranges = self.graph.region_tree.nodes

    def node_range(self, part: GraphPart) -> range:
        """The numbers of the nodes of a part."""
        return self.node_ranges[part.id] if isinstance(part, Region) else range(part.id, part.id + 1)

    def run_name(self, run: PartRun) -> str:
        """The name of a part as known around it, or the first and the last of a run: `0 … 5`."""
        part = run.first.part
        around = self.graph.regions[(part.parent or 0) if isinstance(part, Region) else part.region]
        return format_name_range(*(relative_name(facts.part, around) for facts in (run.first, run.last)))

    def runs(self, region: int) -> Iterator[PartRun]:
        """The parts of a region in order, alike ones in a row together."""
        members = self.members[region]
        position = 0
        while position < len(members):
            period, times = self._find_repeats(members, position) if self.fold else (1, 1)
            fold = self.node_range(members[position].part).start
            for offset in range(period):
                yield PartRun(tuple(members[position + offset : position + period * times : period]), fold)
            position += period * times

    def _find_repeats(self, members: Sequence[PartFacts], position: int) -> tuple[int, int]:
        """How many parts from here on repeat, and how often: the fewest that do, with a region among them."""
        for period in range(1, min(_PERIOD, (len(members) - position) // 2) + 1):
            turn = members[position : position + period]
            if not any(isinstance(facts.part, Region) for facts in turn):
                continue
            times = self._count_repeats(members, position, period)
            if times > 1:
                return period, times
        return 1, 1

    def _count_repeats(self, members: Sequence[PartFacts], position: int, period: int) -> int:
        forms = [self.structure_id(facts.part) for facts in members[position : position + period]]
        turns = [self._turn_range(members[position : position + period])]
        while [self.structure_id(facts.part) for facts in members[position + len(turns) * period :][:period]] == forms:
            turns.append(self._turn_range(members[position + len(turns) * period :][:period]))
        if len(turns) >= _MANY and period == 1:
            return len(turns)
        chained = takewhile(lambda pair: self._feeds_only(*pair), pairwise(turns))
        return 1 + sum(1 for _ in chained)

    def _turn_range(self, turn: Sequence[PartFacts]) -> range:
        return range(self.node_range(turn[0].part).start, self.node_range(turn[-1].part).stop)

    def _feeds_only(self, before: range, after: range) -> bool:
        """Whether what one turn makes is read in the next, and nowhere else."""
        consumers = self.graph.users_outside(before)
        return bool(consumers) and consumers <= set(after)

    def structure_id(self, part: GraphPart) -> int:
        """A number that alike parts share."""
        key = (isinstance(part, Region), part.id)
        if key not in self._structure_ids:
            form = self._region_structure(part) if isinstance(part, Region) else _op_structure(part)
            self._structure_ids[key] = self._structures.setdefault(form, len(self._structures))
        return self._structure_ids[key]

    def consumers(self, part: GraphPart) -> set[int]:
        """The nodes outside a part that read its values; past the last one for an output of the network."""
        return self.graph.users_outside(self.node_range(part))

    def _region_structure(self, region: Region) -> Hashable:
        inside = self.node_range(region)
        return (
            region.kind,
            tuple((name, str(value)) for name, value in select_scalars(region.arguments).items()),
            tuple(_node_structure(self.graph.nodes[id], inside, region) for id in inside),
        )


def _op_structure(node: Node | Input) -> tuple[Hashable, ...]:
    if isinstance(node, Input):
        return (node.id,)
    return (type(node.op), node.op.word if node.op.sized_by_context else node.op)


def _node_structure(node: Node | Input, inside: range, region: Region) -> Hashable:
    if isinstance(node, Input):
        return node.name
    wiring = tuple((value.node - inside.start if value.node in inside else -1, value.index) for value in node.inputs)
    return (*_op_structure(node), wiring, relative_name(node, region))
