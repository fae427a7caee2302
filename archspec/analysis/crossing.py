"""What crosses between two nodes of a network, and where it can be cut there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from archspec.analysis.folding import silent
from archspec.analysis.memory import FLOAT32
from archspec.graph import Graph, Input, Node, Path, Scope, Value


@dataclass(frozen=True, slots=True)
class CutPoint:
    """A place right before the node of a number."""

    node: int
    values: int
    """How many cross."""
    bytes: int
    """What they take, for one sample in float32."""
    scopes: int
    """How many scopes are cut through."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value that goes from one side of a cut to the other."""

    name: str
    """The module that makes it, or where that has none, the op and the scope around it; an input by its name."""
    value: Value

    @property
    def sizes(self) -> tuple[int, ...]:
        """Without the batch."""
        return self.value.shape.sizes

    @property
    def bytes(self) -> int:
        """Of one sample in float32."""
        return self.value.shape.count * FLOAT32

    def as_dict(self) -> dict[str, object]:
        return {"name": self.name, "sizes": list(self.sizes), "bytes": self.bytes}


class Lives:
    """From where to where each value of a network is needed. Values behind nodes that change nothing are those before them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.same: dict[Value, Value] = {}
        """For each value the one that it is: mostly itself."""
        for node in graph.nodes:
            passes = isinstance(node, Node) and silent(node)
            for at, value in enumerate(node.outputs):
                self.same[value] = self.same[node.inputs[at]] if passes else value  # type: ignore[union-attr]
        self.ends = self._ends()

    def crossing(self, node: int) -> tuple[Crossing, ...]:
        """The values that cross before a node, in the order in which they are made."""
        found = [value for value, end in self.ends.items() if self.start(value) < node <= end]
        named: dict[str, Value] = {}
        for value in sorted(found, key=_order):
            name, count = self._name(value), 1
            while name in named:
                count += 1
                name = f"{self._name(value)} ({count})"
            named[name] = value
        return tuple(Crossing(name, value) for name, value in named.items())

    def start(self, value: Value) -> int:
        """The node that makes a value; inputs are there before all nodes."""
        return -1 if isinstance(self.graph.nodes[value.node], Input) else value.node

    def _ends(self) -> dict[Value, int]:
        """The last node that reads each value; one past the last node where the network returns it."""
        ends: dict[Value, int] = {}
        for node in self.graph.ops:
            if not silent(node):
                ends.update((self.same[value], node.id) for value in node.inputs)
        ends.update((self.same[value], len(self.graph.nodes)) for value in self.graph.outputs.values())
        return ends

    def _name(self, value: Value) -> str:
        node = self.graph.nodes[value.node]
        if isinstance(node, Input):
            return node.name
        around = ".".join(self.graph.scopes[node.scope].path)
        name = node.name or (f"{node.op.word} in {around}" if around else node.op.word)
        return f"{name}[{value.index}]" if len(node.outputs) > 1 else name


def cut_points(graph: Graph) -> list[CutPoint]:
    """Where a network can be cut: before each node that computes but the first, though not between two uses of one weight."""
    lives = Lives(graph)
    spans = [(lives.start(value) + 1, end, value.shape.count * FLOAT32) for value, end in lives.ends.items()]
    values = _over(graph, ((first, last, 1) for first, last, _ in spans))
    sizes = _over(graph, spans)
    tied = _over(graph, ((first + 1, last, 1) for first, last in weight_uses(graph).values()))
    computing = [node for node in graph.ops if not silent(node)]
    return [
        CutPoint(node.id, values[node.id], sizes[node.id], _common(graph, before.scope, node.scope))
        for before, node in pairwise(computing)
        if not tied[node.id]
    ]


def weight_uses(graph: Graph) -> dict[Path, tuple[int, int]]:
    """The first and the last node that uses each weight."""
    uses: dict[Path, tuple[int, int]] = {}
    for node in graph.ops:
        if node.path and node.weights:
            first, _ = uses.get(node.path, (node.id, node.id))
            uses[node.path] = first, node.id
    return uses


def _over(graph: Graph, spans: Iterable[tuple[int, int, int]]) -> list[int]:
    """For each node, the sum of what spans over it, given as first node, last node and amount."""
    steps = [0] * (len(graph.nodes) + 2)
    for first, last, amount in spans:
        steps[first] += amount
        steps[last + 1] -= amount
    return list(accumulate(steps))


def _common(graph: Graph, one: int, other: int) -> int:
    """How many scopes hold both of two scopes, the network not counted."""
    around: set[int] = set()
    scope: Scope | None = graph.scopes[one]
    while scope is not None:
        around.add(scope.id)
        scope = None if scope.parent is None else graph.scopes[scope.parent]
    return sum(1 for scope in graph.scope_chain(other) if scope.id in around) - 1


def _order(value: Value) -> tuple[int, int]:
    return value.node, value.index
