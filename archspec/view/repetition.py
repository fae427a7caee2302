"""Finds equal parts of a network, in sequence or side by side, that tables and pictures fold into one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from archspec.ir.graph import Graph, Input, Node, Region
from archspec.view.hierarchy import GraphPart, PartFacts, build_hierarchy, relative_name, select_scalars
from archspec.view.labels import format_name_range

_MANY = 5  # the fewest equal parts side by side that are folded
_PERIOD = 6  # the most consecutive parts that repeat together


@dataclass(frozen=True, slots=True)
class PartRun:
    """Parts of one structure, all represented by the first.

    If several consecutive parts repeat together, as a block and the layer before it, their runs have the same `first_node`.
    """

    parts: tuple[PartFacts, ...]
    first_node: int = -1
    """The first node of the parts that repeat together."""

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
    """The parts of a graph, region by region, with equal ones in runs.

    Two parts are equal if they have the same names, ops and wiring; the widths of their inputs may differ, as they do from layer to
    layer of a dense block.
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
        """The ids of the nodes of a part."""
        return self.node_ranges[part.id] if isinstance(part, Region) else range(part.id, part.id + 1)

    def run_name(self, run: PartRun) -> str:
        """The name of a part relative to the region around it, or those of the first and last of a run: `0 … 5`."""
        part = run.first.part
        around = self.graph.regions[(part.parent or 0) if isinstance(part, Region) else part.region]
        return format_name_range(*(relative_name(facts.part, around) for facts in (run.first, run.last)))

    def runs(self, region: int) -> Iterator[PartRun]:
        """The parts of a region in order, consecutive equal ones as one run."""
        members = self.members[region]
        position = 0
        while position < len(members):
            period, times = self._find_repeats(members, position) if self.fold else (1, 1)
            fold = self.node_range(members[position].part).start
            for offset in range(period):
                yield PartRun(tuple(members[position + offset : position + period * times : period]), fold)
            position += period * times

    def _find_repeats(self, members: Sequence[PartFacts], position: int) -> tuple[int, int]:
        """The shortest sequence of parts from here on that repeats and has a region in it: its length and its number of turns."""
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
        """Whether all consumers of one turn's values are in the next turn."""
        consumers = self.graph.users_outside(before)
        return bool(consumers) and consumers <= set(after)

    def structure_id(self, part: GraphPart) -> int:
        """A number that equal parts share."""
        key = (isinstance(part, Region), part.id)
        if key not in self._structure_ids:
            form = self._region_structure(part) if isinstance(part, Region) else _op_structure(part)
            self._structure_ids[key] = self._structures.setdefault(form, len(self._structures))
        return self._structure_ids[key]

    def consumers(self, part: GraphPart) -> set[int]:
        """The nodes outside a part that consume its values; the number of nodes stands for an output of the network."""
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


def find_wiring(node: Node, inside: range) -> tuple[tuple[int, int], ...]:
    """For each operand of a node, its producer, counted from the first of some nodes (-1 outside them), and the output's position."""
    return tuple((value.node - inside.start if value.node in inside else -1, value.index) for value in node.inputs)


def _node_structure(node: Node | Input, inside: range, region: Region) -> Hashable:
    if isinstance(node, Input):
        return node.name
    return (*_op_structure(node), find_wiring(node, inside), relative_name(node, region))
