"""Finds the parts of a network by name: layers as in the `state_dict`, blocks and stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Node, OperandRef, Path, Value
from archspec.ir.uses import find_incoming_edges, find_leaving_values
from archspec.spans import Span
from archspec.suggestions import did_you_mean, find_nearest


class UnknownPartError(ArchspecError, LookupError):
    """Raised for a name that no part of the network has; `help` names the nearest.

    >>> import archspec
    >>> archspec.load("resnet18").paths(source="layer9")
    Traceback (most recent call last):
        ...
    archspec.ir.parts.UnknownPartError: the network has no part, input or output 'layer9'; did you mean 'layer4'?
    """

    def __init__(self, message: str, help: str | None) -> None:
        super().__init__(f"{message}; {help}" if help else message)
        self.message, self.help = message, help


@dataclass(frozen=True, eq=False)
class NamedPart:
    """The nodes of one name and of the regions of that name, in order."""

    name: str
    nodes: tuple[Node, ...]
    graph: Graph

    @cached_property
    def node_ids(self) -> frozenset[int]:
        return frozenset(node.id for node in self.nodes)

    @cached_property
    def incoming(self) -> dict[OperandRef, Value]:
        """The operands from outside, gates included, with their values."""
        return find_incoming_edges(self.graph, self.node_ids)

    @cached_property
    def outputs(self) -> tuple[Value, ...]:
        """Its values that have consumers outside or are outputs of the network, in order; if there are none, those of its last node."""
        return tuple(find_leaving_values(self.graph, self.node_ids)) or self.nodes[-1].outputs

    @cached_property
    def span(self) -> Span:
        """Its span in the spec."""
        path = tuple(self.name.split("."))
        for region in self.graph.regions:
            if region.path == path:
                return region.span
        return self.nodes[0].span


class NamedParts:
    """All parts of a network by name: `graph.derive(NamedParts)`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._nodes: dict[Path, list[Node]] = {}
        for node in graph.ops:
            for path in _enclosing_paths(graph.regions[node.region].path, node.path):
                self._nodes.setdefault(path, []).append(node)

    def __iter__(self) -> Iterator[str]:
        return map(".".join, self._nodes)

    def get(self, name: str) -> NamedPart | None:
        nodes = self._nodes.get(tuple(name.split(".")))
        return NamedPart(name, tuple(nodes), self.graph) if nodes else None

    def find(self, name: str) -> NamedPart:
        """The part of a name. Raises `UnknownPartError`."""
        part = self.get(name)
        if part is None:
            raise UnknownPartError(f"the network has no part {name[:80]!r}", self.suggest(name))
        return part

    def suggest(self, name: str, others: tuple[str, ...] = ()) -> str | None:
        """Advice for an unknown name: the nearest one below its longest known prefix."""
        words = tuple(name.split("."))
        known = next(words[:end] for end in range(len(words), -1, -1) if not end or words[:end] in self._nodes)
        below = [".".join(path) for path in self._nodes if len(path) == len(known) + 1 and path[: len(known)] == known]
        if known and below:
            close = find_nearest(".".join(words[: len(known) + 1]), below)
            range_of = f"{'.'.join(known)} has {below[0]}" + (f" to {below[-1]}" if len(below) > 1 else "")
            return f"did you mean {close!r}? {range_of}" if close else range_of
        return did_you_mean(name, [*others, *below, *self])


def _enclosing_paths(region: Path, own: Path) -> Iterator[Path]:
    """The paths of all parts that a node belongs to."""
    yield from (region[:end] for end in range(1, len(region) + 1))
    yield from (own[:end] for end in range(1, len(own) + 1) if own[:end] != region[:end])
