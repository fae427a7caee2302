"""Fuses convolutions with the sum and the activation after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.codegen.fx.kernels import merged_groups, onednn, space_to_depth
from archspec.codegen.fx.kernels.activations import Activation
from archspec.codegen.fx.kernels.ops import FusedConv
from archspec.ir.graph import Graph, Node, Value
from archspec.ops.activation import ClampChannels, Hardswish, ReLU, ReLU6, SiLU
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.ops.linear import Linear
from archspec.ops.norm import ScaleShift
from archspec.ops.pool import Pooling
from archspec.passes.chains import adds_equals, leads_with_channels
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, replace_groups

_FRESH = (Conv, Pooling, Add)
"""Ops whose result is no view of an operand."""
_CONSUMING = (Conv, Linear, Pooling, Add, Concat, ScaleShift, ClampChannels)
"""Ops that need their operands only while they run, and whose results are no views of them."""
_ACTIVATIONS: Mapping[type[Op], Activation] = {ReLU: "relu", ReLU6: "relu6", Hardswish: "hardswish", SiLU: "silu"}


@dataclass(frozen=True)
class Fusion:
    """A convolution and the nodes after it, each the only consumer of the one before."""

    conv: Node
    add: Node | None
    activation: Node | None

    @property
    def end(self) -> Node:
        return self.activation or self.add or self.conv

    @property
    def addends(self) -> tuple[Value, ...]:
        """The other operand of the sum, if there is one."""
        return tuple(value for value in self.add.inputs if value != self.conv.outputs[0]) if self.add else ()

    @property
    def inside(self) -> set[int]:
        """The ids of the fused nodes except the last, which the kernel replaces."""
        return {node.id for node in (self.conv, self.add) if node is not None} - {self.end.id}


@graph_pass("back end", keeps="training")
def fuse_convolutions(
    graph: Graph,
    *,
    activations: tuple[Activation, ...] = ("relu",),
    after_sum: tuple[Activation, ...] = ("relu",),
    tensor_cores: bool = False,
    selective: bool = False,
) -> Graph:
    """The graph in which each convolution over 2 axes is fused with the binary sum and the activation after it.

    A sum is fused with the later of its operands if both are convolutions. `activations` are those that the kernel computes,
    `after_sum` those that it computes after a sum. With `tensor_cores`, strided convolutions on few channels run on the image
    rearranged from space to depth, and groups of odd sizes are merged. With `selective`, a convolution that nothing is fused with is left if
    oneDNN's kernel pays for itself for no input.
    """
    found = _find_fusions(graph, frozenset(activations), frozenset(after_sum))
    ends = {fusion.end.id: fusion for fusion in found if fusion.inside or not selective or _may_pay(fusion.conv)}
    moved = {inner: fusion.end.id for fusion in ends.values() for inner in fusion.inside}

    def add_kernel(rewriter: Rewriter, fusion: Fusion) -> Values:
        conv, channels = fusion.conv, fusion.conv.inputs[0].shape.channels
        assert isinstance(conv.op, Conv), "only these are fused"
        op = FusedConv(
            **dict(conv.op),
            activation=_ACTIVATIONS[type(fusion.activation.op)] if fusion.activation else None,
            overwrites=_may_overwrite(graph, fusion, ends, moved),
            deepens=tensor_cores and space_to_depth.fits(conv.op, channels),
            merged=merged_groups.count_merged(conv.op, channels) if tensor_cores else 1,
        )
        operands = rewriter.find_values((*conv.inputs, *fusion.addends), conv)
        return rewriter.add(op, operands, conv, path=conv.path, region=fusion.end.region, weights="kept")

    return replace_groups(graph, ends, moved, add_kernel)


def _find_fusions(graph: Graph, activations: frozenset[Activation], after_sum: frozenset[Activation]) -> list[Fusion]:
    """All fusions; later convolutions come first, so that they get the sums."""
    taken: set[int] = set()
    fusions = []
    for node in reversed(graph.nodes):
        if not isinstance(node, Node) or not _is_fusible(node) or graph.shares_module(node):
            continue
        add = _find_sum(graph, node)
        add = None if add is not None and add.id in taken else add
        taken |= {add.id} if add else set()
        activation = graph.only_user((add or node).outputs[0])
        known = None if activation is None else _ACTIVATIONS.get(type(activation.op))
        fusions.append(Fusion(node, add, activation if known in (after_sum if add else activations) else None))
    return fusions


def _may_pay(conv: Node) -> bool:
    """Whether the kernel can pay for itself without a sum and an activation."""
    assert isinstance(conv.op, Conv), "only these are fused"
    shape = next(weight.shape for weight in conv.weights if weight.name == "weight")
    return onednn.count_saved(shape, conv.op.groups) >= onednn.LEAST_SAVED


def _find_sum(graph: Graph, conv: Node) -> Node | None:
    """The binary sum that is the only consumer of a convolution, or None."""
    add = graph.only_user(conv.outputs[0])
    return add if add is not None and adds_equals(add) and len(add.inputs) == 2 and leads_with_channels(add) else None


def _is_fusible(node: Node) -> bool:
    """Whether the kernels support a convolution: over images, with zero padding."""
    op, shape = node.op, node.inputs[0].shape
    return isinstance(op, Conv) and shape.rank == 3 and shape.batched and op.padding_mode == "zeros" and bool(node.path)


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
