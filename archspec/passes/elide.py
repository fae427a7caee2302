"""Leaves out what computes nothing."""

from __future__ import annotations

from archspec.ir.graph import Graph, Node, Value
from archspec.ops.base import Op
from archspec.ops.dropout import Dropout, DropPath, SpatialDropout
from archspec.ops.fractal import ColumnDraw, DropMean
from archspec.ops.join import Mean
from archspec.ops.tensor import Scale
from archspec.passes.base import keep_node, rebuild_graph


def elide(graph: Graph, *, inference: bool = True) -> Graph:
    """Leaves out identities, joins of one value, and what drops with probability 0; for `inference`, all that drops.

    Exact: what is left computes the same, in training too unless it is for inference. There a drop path of the kind that
    scales at test time becomes that factor, and a mean whose operands are dropped a plain mean.
    """
    drawn = _find_unneeded_draws(graph) if inference else set()

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...] | None:
        if node.id in drawn:
            return None
        op = _evaluation_op(node.op) if inference else node.op
        if _does_nothing(op, node):
            return inputs
        if op is node.op:
            return keep_node(new, node, inputs)
        return new.add_node(op, inputs, region=node.region, span=node.span, use=node.use)

    return rebuild_graph(graph, change)


def _evaluation_op(op: Op) -> Op:
    """An op as it is in evaluation; a factor of 1 for what does nothing then."""
    match op:
        case Dropout() | SpatialDropout():
            return Scale()
        case DropPath():
            return Scale(by=1 - op.p) if op.rescale == "test" else Scale()
        case DropMean():
            return Mean()
    return op


def _does_nothing(op: Op, node: Node) -> bool:
    match op:
        case Scale():
            return op.by == 1 and op.plus == 0
        case Dropout() | SpatialDropout() | DropPath():
            return op.p == 0
        case DropMean() | Mean():
            return len(node.inputs) == 1
    return not op.lower(*node.input_shapes)


def _find_unneeded_draws(graph: Graph) -> set[int]:
    """The draws that nothing reads but means whose operands are dropped."""
    return {
        node.id
        for node in graph.ops
        if isinstance(node.op, ColumnDraw)
        and node.outputs[0] not in graph.outputs.values()
        and all(isinstance(consumer.op, DropMean) for consumer in graph.users(node.outputs[0]))
    }
