"""Convolutions with the sum and the ReLU after them as one kernel."""

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
from archspec.passes.rewriter import Rewriter, Values, replace_groups

_FRESH = (Conv, Pooling, Add)
"""Ops whose result lies in memory of its own."""
_CONSUMING = (Conv, Linear, Pooling, Add, Concat, ScaleShift, Clamp)
"""Ops that need their operands only while they run: nothing of what they give lies in an operand's memory."""


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
        """What the sum adds to the result of the convolution."""
        return tuple(value for value in self.add.inputs if value != self.conv.outputs[0]) if self.add else ()

    @property
    def inside(self) -> set[int]:
        """The nodes but for the last, in whose place the kernel stands."""
        return {node.id for node in (self.conv, self.add) if node is not None} - {self.end.id}


@graph_pass("back end", keeps="training")
def fuse_conv_add_relu(graph: Graph) -> Graph:
    """The graph in which each convolution over 2 axes is a kernel together with the sum of two and the ReLU after it.

    A sum goes with the later one of its operands where both could take it along.
    """
    ends = {fusion.end.id: fusion for fusion in _find_fusions(graph)}
    moved = {inner: fusion.end.id for fusion in ends.values() for inner in fusion.inside}

    def add_kernel(rewriter: Rewriter, fusion: Fusion) -> Values:
        conv = fusion.conv
        op = FusedConv(
            **dict(conv.op),
            relu=fusion.relu is not None,
            overwrites=_may_overwrite(graph, fusion, ends, moved),
        )
        operands = rewriter.find_values((*conv.inputs, *fusion.addends), conv)
        return rewriter.add(op, operands, conv, path=conv.path, region=fusion.end.region, weights="kept")

    return replace_groups(graph, ends, moved, add_kernel)


def _find_fusions(graph: Graph) -> list[Fusion]:
    """All fusions, the later convolutions first: they may take the sums."""
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
    """Whether the kernel takes such a convolution: of one channel it computes garbage where the result is one place wide."""
    op, shape = node.op, node.inputs[0].shape
    if not isinstance(op, Conv) or shape.rank != 3 or not shape.batched:
        return False
    return op.padding_mode == "zeros" and shape.channels > 1 and bool(node.path)


def _only_consumer_of_type(graph: Graph, node: Node, kind: type[Add | ReLU]) -> Node | None:
    consumer = graph.only_user(node.outputs[0])
    return consumer if consumer is not None and isinstance(consumer.op, kind) else None


def _may_overwrite(graph: Graph, fusion: Fusion, ends: Mapping[int, Fusion], moved: Mapping[int, int]) -> bool:
    """Whether the other operand of a sum has memory of its own, and is not read once the kernel has begun."""
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
