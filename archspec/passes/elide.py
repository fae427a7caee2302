"""The pass `elide`: removes no-ops."""

from __future__ import annotations

from archspec.ir.graph import Graph, Node
from archspec.ops.base import Op
from archspec.ops.dropout import Dropout, DropPath, SpatialDropout
from archspec.ops.fractal import ColumnDraw, DropMean
from archspec.ops.join import Mean
from archspec.ops.tensor import Scale
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("optimizer", keeps="evaluation")
def elide(graph: Graph, *, inference: bool = True) -> Graph:
    """Removes identities, joins of one value, and dropout of probability 0; for `inference`, all dropout.

    The result is exactly the same, in training too unless it is for inference. For inference, a `droppath` that rescales at test
    time becomes that factor, and a mean with dropped operands becomes a plain mean.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: small, input: [4, 8, 8], stages: {body: [conv: 4, dropout: 0.5, add: [identity]]}}")
    >>> print(format_graph(elide(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=4) %0: 4×8×8  body.0
    output = %1
    """
    drawn = _find_unneeded_draws(graph) if inference else set()

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in drawn:
            return ()
        op = _evaluation_op(node.op) if inference else node.op
        if _does_nothing(op, node):
            return rewriter.operands(node)
        return None if op is node.op else rewriter.add(op, rewriter.find_values(_list_signals(node), node), node)

    return rewrite_graph(graph, rewrite)


def _list_signals(node: Node) -> Values:
    """The operands of a node in evaluation: those of a `dropmean` without the draw."""
    return node.inputs[:-1] if isinstance(node.op, DropMean) else node.inputs


def _evaluation_op(op: Op) -> Op:
    """The op that computes the same in evaluation; a `scale` by 1 for one that then does nothing."""
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
            return (op.by, op.plus, op.over) == (1, 0, 1)
        case Dropout() | SpatialDropout() | DropPath():
            return op.p == 0
    return op.passes_through(len(node.inputs))


def _find_unneeded_draws(graph: Graph) -> set[int]:
    """The draws whose only consumers are `dropmean` ops."""
    return {
        node.id
        for node in graph.ops
        if isinstance(node.op, ColumnDraw)
        and not graph.is_output(node.outputs[0])
        and all(isinstance(consumer.op, DropMean) for consumer in graph.users(node.outputs[0]))
    }
