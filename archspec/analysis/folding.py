"""Which parts of a network are drawn as one: equal parts in a row, or many side by side."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from string import digits

from archspec.analysis.outline import Facts, Part, label, outline, scalars
from archspec.graph import Graph, Input, Node, Scope

_MANY = 5  # equal parts side by side that are worth a fold; fewer are what the figure is about
_SIZED = frozenset({"split", "slice", "pad", "token", "droppath"})  # their arguments follow the widths, or the turn
_PERIOD = 6  # parts that may repeat together


@dataclass(frozen=True, slots=True)
class Run:
    """Parts of one structure, the first of which stands for all.

    What repeats may be several parts long, a block and the layers that feed it: their runs have the same `fold`.
    """

    parts: tuple[Facts, ...]
    fold: int = -1
    """The first node of what repeats."""

    @property
    def first(self) -> Facts:
        return self.parts[0]

    @property
    def last(self) -> Facts:
        return self.parts[-1]

    @property
    def times(self) -> int:
        return len(self.parts)


@dataclass
class Folding:
    """The parts of a graph, scope by scope, and which of them are alike.

    Two parts are alike if they have the same names, ops and wiring; the widths that the ops find may differ, as they do from
    layer to layer of a dense block.
    """

    graph: Graph
    fold: bool = True
    members: list[list[Facts]] = field(init=False)
    ranges: list[range] = field(init=False)
    _readers: list[list[int]] = field(init=False)
    _forms: dict[Hashable, int] = field(default_factory=dict)
    _alike: dict[tuple[bool, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = outline(self.graph).members
        self.ranges = _ranges(self.graph)
        self._readers = [[user for value in node.outputs for user in value.users] for node in self.graph.nodes]
        for value in self.graph.outputs.values():
            self._readers[value.node].append(len(self.graph.nodes))

    def nodes(self, part: Part) -> range:
        """The numbers of the nodes of a part."""
        return self.ranges[part.id] if isinstance(part, Scope) else range(part.id, part.id + 1)

    def runs(self, scope: int) -> Iterator[Run]:
        """The parts of a scope in order, alike ones in a row together."""
        members = self.members[scope]
        at = 0
        while at < len(members):
            period, times = self._repeats(members, at) if self.fold else (1, 1)
            fold = self.nodes(members[at].part).start
            for offset in range(period):
                yield Run(tuple(members[at + offset : at + period * times : period]), fold)
            at += period * times

    def _repeats(self, members: Sequence[Facts], at: int) -> tuple[int, int]:
        """How many parts from here on repeat, and how often: the fewest that do, with a scope among them."""
        for period in range(1, min(_PERIOD, (len(members) - at) // 2) + 1):
            turn = members[at : at + period]
            if not any(isinstance(facts.part, Scope) for facts in turn):
                continue
            times = self._times(members, at, period)
            if times > 1:
                return period, times
        return 1, 1

    def _times(self, members: Sequence[Facts], at: int, period: int) -> int:
        forms = [self.form(facts.part) for facts in members[at : at + period]]
        turns = [self._inside(members[at : at + period])]
        while [self.form(facts.part) for facts in members[at + len(turns) * period :][:period]] == forms:
            turns.append(self._inside(members[at + len(turns) * period :][:period]))
        if len(turns) >= _MANY and period == 1:
            return len(turns)
        chained = takewhile(lambda pair: self._passes_on(*pair), pairwise(turns))
        return 1 + sum(1 for _ in chained)

    def _inside(self, turn: Sequence[Facts]) -> range:
        return range(self.nodes(turn[0].part).start, self.nodes(turn[-1].part).stop)

    def _passes_on(self, before: range, after: range) -> bool:
        """Whether what one turn makes is read in the next, and nowhere else."""
        readers = {reader for id in before for reader in self._readers[id] if reader not in before}
        return bool(readers) and readers <= set(after)

    def form(self, part: Part) -> int:
        """A number that alike parts share."""
        key = (isinstance(part, Scope), part.id)
        if key not in self._alike:
            form = self._of_scope(part) if isinstance(part, Scope) else _op(part)
            self._alike[key] = self._forms.setdefault(form, len(self._forms))
        return self._alike[key]

    def readers(self, part: Part) -> set[int]:
        """The nodes outside a part that read its values; past the last one for an output of the network."""
        inside = self.nodes(part)
        return {reader for id in inside for reader in self._readers[id] if reader not in inside}

    def _of_scope(self, scope: Scope) -> Hashable:
        inside = self.nodes(scope)
        return (
            scope.kind,
            tuple((name, str(value)) for name, value in scalars(scope.arguments).items()),
            tuple(_wired(self.graph.nodes[id], inside, scope) for id in inside),
        )


def _op(node: Node | Input) -> tuple[Hashable, ...]:
    if isinstance(node, Input):
        return (node.id,)
    return (type(node.op), node.op.word if node.op.word in _SIZED else node.op)


def _wired(node: Node | Input, inside: range, scope: Scope) -> Hashable:
    if isinstance(node, Input):
        return node.name
    wiring = tuple((value.node - inside.start if value.node in inside else -1, value.index) for value in node.inputs)
    return (*_op(node), wiring, label(node, scope))


def _ranges(graph: Graph) -> list[range]:
    """The nodes of each scope, those of the scopes inside included; they are consecutive."""
    firsts, lasts = [len(graph.nodes)] * len(graph.scopes), [-1] * len(graph.scopes)
    for node in graph.nodes:
        scope = graph.scopes[node.scope]
        while True:
            firsts[scope.id] = min(firsts[scope.id], node.id)
            lasts[scope.id] = max(lasts[scope.id], node.id)
            if scope.parent is None:
                break
            scope = graph.scopes[scope.parent]
    return [range(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]


def silent(node: Node) -> bool:
    """Whether a node is no box: it changes nothing."""
    return node.op.word in {"identity", "bundle"} or (
        node.op.join and len(node.inputs) == 1 and node.op.word != "multiply"
    )


def spanned(first: str, last: str) -> str:
    """Names from the first to the last; of numbered ones, the last as its number: `layer1 … 4`."""
    if first == last or not last:
        return first
    stem = first.rstrip(digits)
    number = last.removeprefix(stem)
    return f"{first} … {number if stem != first and number.isdecimal() else last}".removeprefix(" … ")
