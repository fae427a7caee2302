"""Lowers a graph to torch's calls, without no-ops and with a name for each module."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from archspec.codegen.errors import BuildError
from archspec.ir.graph import Graph, Node, Path, Value, computes
from archspec.ir.names import UniqueNames
from archspec.ir.shape import Shape
from archspec.ir.uses import ComputedUses
from archspec.ops.base import Call, Op

DROP_PATH = "archspec.codegen.fx.modules.DropPath"
FILL_WEIGHT = "archspec.codegen.fx.modules.fill_weight"


@dataclass(frozen=True, eq=False, slots=True)
class LoweredOp:
    """The part of a lowered node that is equal for equal ops on equal shapes."""

    id: int
    calls: tuple[Call, ...]
    stateful_call: Call | None
    """The call of a module or a parameter, if there is one."""

    @property
    def stateful_target(self) -> str | None:
        """The class of its module, or `torch.nn.Parameter`, if there is one."""
        return self.stateful_call.target if self.stateful_call is not None else None

    @property
    def code_signature(self) -> str:
        """What generated code depends on: the calls, without the options of modules, except for drop paths."""
        return repr([(self._call_signature(call), call.args, call.keywords) for call in self.calls])

    def _call_signature(self, call: Call) -> str:
        if call is not self.stateful_call:
            return call.target
        return str(call.options.get("mode")) if call.target == DROP_PATH else "module"


@dataclass(frozen=True, eq=False, slots=True)
class LoweredNode:
    """One node with aliases resolved, so that its operands are computed values; its path is empty only if it has no state."""

    node: Node
    lowered: LoweredOp
    operands: tuple[Value, ...]
    path: Path

    @property
    def aligned(self) -> bool:
        """Whether every operand has a batch axis, and those of a folding join equal sizes: nothing is broadcast."""
        shapes = self.node.input_shapes
        return all(shape.batched for shape in shapes) and (
            not self.node.op.folds or len({shape.sizes for shape in shapes}) < 2
        )


def lower_graph(graph: Graph) -> list[LoweredNode]:
    """The lowered nodes of a graph in order, without no-ops."""
    lowered_ops: dict[Hashable, LoweredOp] = {}
    names, uses = _ModuleNames(graph), graph.derive(ComputedUses)
    steps: list[LoweredNode] = []
    for node in graph.nodes:
        if computes(node):
            lowered = _lower_op(node.op, node.input_shapes, lowered_ops)
            path = names.path(node) if lowered.stateful_call else node.path
            steps.append(LoweredNode(node, lowered, uses.operands(node), path))
    _check_shared(steps)
    return steps


def _lower_op(op: Op, shapes: tuple[Shape, ...], lowered_ops: dict[Hashable, LoweredOp]) -> LoweredOp:
    key = (_hashable_op(op), shapes)
    lowered = lowered_ops.get(key)
    if lowered is None:
        calls = op.lower(*shapes)
        lowered = lowered_ops[key] = LoweredOp(
            len(lowered_ops), calls, next((call for call in calls if call.stateful), None)
        )
    return lowered


def _hashable_op(op: Op) -> Hashable:
    try:
        hash(op)
    except TypeError:
        return type(op), repr(op)
    return op


def _check_shared(steps: list[LoweredNode]) -> None:
    first: dict[Path, LoweredOp] = {}
    for step in steps:
        state = step.lowered.stateful_call
        if state is None:
            continue
        other = first.setdefault(step.path, step.lowered)
        if other.stateful_call is not state and other.stateful_call != state:
            raise BuildError(f"{step.node.name} is used with different options: its uses cannot share one module")


class _ModuleNames:
    """Names for unnamed modules: the op's word, inside the node's region, and the same for each use of a path.

    A module with the name of a region, such as a join whose branches are named below it, also gets another name.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._names_by_region: dict[int, UniqueNames] = {}
        self._scopes_taken = {region.path for region in graph.regions}

    def path(self, node: Node) -> Path:
        if node.path and node.path not in self._scopes_taken:
            return node.path
        region = self._graph.regions[node.region]
        names = self._names_by_region.get(region.id)
        if names is None:
            taken = self._graph.names.inside(region.path)
            names = self._names_by_region[region.id] = UniqueNames(taken, _count_from_one)
        return (*region.path, names.take(node.op.word))


def _count_from_one(word: str, number: int) -> str:
    """`relu_1` for the second of its word."""
    return f"{word}_{number - 1}"
