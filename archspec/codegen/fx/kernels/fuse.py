"""Fuses convolutions with the sum and the ReLU after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.codegen.fx.kernels.ops import FusedConv
from archspec.ir.graph import Graph, Node, Value
from archspec.ops.activation import Clamp, ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.ops.linear import Linear
from archspec.ops.norm import ScaleShift
from archspec.ops.pool import Pooling
from archspec.passes.chains import leads_with_channels
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph

_FRESH = (Conv, Pooling, Add)
"""Ops whose result is no view of an operand."""
_CONSUMING = (Conv, Linear, Pooling, Add, Concat, ScaleShift, Clamp)
"""Ops that need their operands only while they run, and whose results are no views of them."""


@dataclass(frozen=True)
class Fusion:
    """A convolution and the nodes after it, each the only consumer of the one before."""

    conv: Node
    add: Node | None
    relu: Node | None

    @property
    def end(self) -> Node:
        return self.relu or self.add or self.conv

    @property
    def addends(self) -> tuple[Value, ...]:
        """The other operand of the sum, if there is one."""
        return tuple(value for value in self.add.inputs if value != self.conv.outputs[0]) if self.add else ()

    @property
    def inside(self) -> set[int]:
        """The ids of the fused nodes except the last, which the kernel replaces."""
        return {node.id for node in (self.conv, self.add) if node is not None} - {self.end.id}


@graph_pass("back end", keeps="training")
def fuse_conv_add_relu(graph: Graph) -> Graph:
    """The graph in which each convolution over 2 axes is fused with the binary sum and the ReLU after it.

    A sum is fused with the later of its operands if both are convolutions.
    """
    ends = {fusion.end.id: fusion for fusion in _find_fusions(graph)}
    moved = {inner: fusion.end.id for fusion in ends.values() for inner in fusion.inside}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in moved:
            return ()
        if node.id not in ends:
            return None
        fusion = ends[node.id]
        conv = fusion.conv
        op = FusedConv(
            **dict(conv.op),
            relu=fusion.relu is not None,
            overwrites=_may_overwrite(graph, fusion, ends, moved),
        )
        operands = rewriter.find_values((*conv.inputs, *fusion.addends), conv)
        return rewriter.add(op, operands, conv, path=conv.path, region=node.region, weights="kept")

    return rewrite_graph(graph, rewrite)


def _find_fusions(graph: Graph) -> list[Fusion]:
    """All fusions; later convolutions come first, so that they get the sums."""
    taken: set[int] = set()
    fusions = []
    for node in reversed(graph.nodes):
        if not isinstance(node, Node) or not _is_fusible(node) or graph.shares_module(node):
            continue
        add = _only_consumer_of_type(graph, node, Add)
        if add is not None and (len(add.inputs) != 2 or add.id in taken or not leads_with_channels(add)):
            add = None
        relu = _only_consumer_of_type(graph, add or node, ReLU)
        taken |= {add.id} if add else set()
        fusions.append(Fusion(node, add, relu))
    return fusions


def _is_fusible(node: Node) -> bool:
    """Whether the kernel supports a convolution; for one channel it computes wrong results of width 1."""
    op, shape = node.op, node.inputs[0].shape
    if not isinstance(op, Conv) or shape.rank != 3 or not shape.batched:
        return False
    return op.padding_mode == "zeros" and shape.channels > 1 and bool(node.path)


def _only_consumer_of_type(graph: Graph, node: Node, kind: type[Add | ReLU]) -> Node | None:
    consumer = graph.only_user(node.outputs[0])
    return consumer if consumer is not None and isinstance(consumer.op, kind) else None


def _may_overwrite(graph: Graph, fusion: Fusion, ends: Mapping[int, Fusion], moved: Mapping[int, int]) -> bool:
    """Whether the kernel may write over the other operand of its sum: it is no view, and has no later consumer."""
    if fusion.add is None:
        return False
    (value,) = fusion.addends
    producer = graph.nodes[value.node]
    if graph.is_output(value) or not isinstance(producer, Node):
        return False
    others = [consumer for consumer in graph.users(value) if consumer is not fusion.add]
    return (producer.id in ends or isinstance(producer.op, _FRESH)) and all(
        isinstance(consumer.op, _CONSUMING) and moved.get(consumer.id, consumer.id) < fusion.end.id
        for consumer in others
    )
