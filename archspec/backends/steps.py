"""A graph's nodes as torch runs them: lowered, without those that compute nothing, each module with a name."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from archspec.graph import Graph, Node, Path
from archspec.ops.base import Call, Op
from archspec.shape import Shape

DROP_PATH = "archspec.backends.torch.modules.DropPath"

Ref = tuple[int, int]
"""A value: the number of its node, and which of the node's outputs it is."""


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """What nodes have in common that apply equal ops to equal shapes."""

    number: int
    calls: tuple[Call, ...]
    state: Call | None
    """The call of a module or a parameter, if there is one."""

    @property
    def wording(self) -> str:
        """What generated code depends on: its calls; of a module the path alone, but for the branches that one may drop."""
        return repr([(self._word(call), call.args, call.keywords) for call in self.calls])

    def _word(self, call: Call) -> str:
        if call is not self.state:
            return call.target
        return str(call.options.get("mode")) if call.target == DROP_PATH else "module"


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One node: its operands are the values where they are really made, its path is empty only where it has no state."""

    node: Node
    kind: Kind
    operands: tuple[Ref, ...]
    path: Path

    @property
    def batched(self) -> bool:
        """Whether every operand has a batch axis; a sum of operands without one is wider than some of them."""
        return all(value.shape.batched for value in self.node.inputs)


def steps_of(graph: Graph) -> tuple[list[Step], dict[Ref, Ref]]:
    """The steps of a graph in order, and for each value the one that it is a copy of: mostly itself."""
    kinds: dict[Hashable, Kind] = {}
    made: dict[Ref, Ref] = {}
    steps: list[Step] = []
    names = _Names(graph)
    for value in graph.inputs.values():
        made[value.node, value.index] = (value.node, value.index)
    for node in graph.ops:
        kind = _kind(node.op, node.input_shapes, kinds)
        operands = tuple(made[value.node, value.index] for value in node.inputs)
        if kind.calls:
            made.update(((node.id, index), (node.id, index)) for index in range(len(node.outputs)))
            steps.append(Step(node, kind, operands, names.path(node) if kind.state else node.path))
        else:
            made.update(((node.id, index), operand) for index, operand in enumerate(operands))
    _check_shared(steps)
    return steps, made


def _kind(op: Op, shapes: tuple[Shape, ...], kinds: dict[Hashable, Kind]) -> Kind:
    key = (_hashable(op), shapes)
    kind = kinds.get(key)
    if kind is None:
        calls = op.lower(*shapes)
        kind = kinds[key] = Kind(len(kinds), calls, next((call for call in calls if call.stateful), None))
    return kind


def _hashable(op: Op) -> Hashable:
    try:
        hash(op)
    except TypeError:
        return type(op), repr(op)
    return op


def _check_shared(steps: list[Step]) -> None:
    first: dict[Path, Kind] = {}
    for step in steps:
        state = step.kind.state
        if state is None:
            continue
        other = first.setdefault(step.path, step.kind)
        if other.state is not state and other.state != state:
            raise ValueError(f"{step.node.name} is used with different options: its uses cannot share one module")


class _Names:
    """Names for the modules that have none: the op's word, in the scope where it stands, the same in each use of a path.

    A module whose name is that of a scope, as of a join that has branches below its name, needs another one, too.
    """

    def __init__(self, graph: Graph) -> None:
        self._scopes = graph.scopes
        self._taken = {path[:end] for path in _paths(graph) for end in range(1, len(path) + 1)}
        self._used: dict[tuple[int, str], int] = {}
        self._scopes_taken = {scope.path for scope in graph.scopes}

    def path(self, node: Node) -> Path:
        if node.path and node.path not in self._scopes_taken:
            return node.path
        scope, word = self._scopes[node.scope], node.op.word
        number = self._used.get((scope.id, word), 0)
        while (path := (*scope.path, f"{word}_{number}" if number else word)) in self._taken:
            number += 1
        self._used[scope.id, word] = number + 1
        return path


def _paths(graph: Graph) -> Iterator[Path]:
    yield from (node.path for node in graph.ops)
    yield from (scope.path for scope in graph.scopes)
