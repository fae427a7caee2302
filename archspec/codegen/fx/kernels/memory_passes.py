"""The pass that replaces clamps, factors and shifts, pools and layer normalisations by kernels."""

from __future__ import annotations

from archspec.codegen.fx.kernels.ops import (
    AddNorm,
    ChannelClamp,
    ChannelPair,
    ChannelScaleShift,
    FusedConv,
    LinearGELU,
    PreparedConv,
    RowAvgPool,
    RowMaxPool,
)
from archspec.codegen.fx.kernels.pointwise import Before, is_faster
from archspec.ir.graph import Graph, Node
from archspec.ops.activation import GELU, ClampChannels
from archspec.ops.join import Add
from archspec.ops.linear import Linear
from archspec.ops.norm import LayerNorm, ScaleShift
from archspec.ops.pool import AvgPool, MaxPool
from archspec.passes.chains import adds_equals, is_pointwise, leads_with_channels
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("back end", keeps="training")
def use_channel_kernels(graph: Graph) -> Graph:
    """The graph in which each clamp, each factor and shift, and each pooling of images is one kernel.

    A clamp or a factor and a shift whose only consumer is a 1×1 convolution is computed in the kernel of the convolution.
    """
    prepared = {conv.id: (node, conv) for node in graph.ops for conv in _find_prepared(graph, node)}
    pairs = {node.id for node, _ in prepared.values()}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in pairs:
            return rewriter.replace(node, ChannelPair(), weights="kept")
        if node.id in prepared:
            before, _ = prepared[node.id]
            x, pair = rewriter.find_values((before.inputs[0], before.outputs[0]), node)
            op = PreparedConv(**dict(node.op), before=_name_before(before))
            return rewriter.replace(node, op, (x, pair, *rewriter.operands(node)[1:]), weights="kept")
        return _replace_alone(rewriter, node)

    return rewrite_graph(graph, rewrite)


def _replace_alone(rewriter: Rewriter, node: Node) -> Values | None:
    if not node.inputs or node.inputs[0].shape.rank != 3 or not leads_with_channels(node):
        return None
    if type(node.op) in (MaxPool, AvgPool):
        kernel = RowMaxPool if isinstance(node.op, MaxPool) else RowAvgPool
        return rewriter.replace(node, kernel(**dict(node.op)))
    if isinstance(node.op, ClampChannels):
        return rewriter.replace(node, ChannelClamp(), weights="kept")
    if isinstance(node.op, ScaleShift):
        return rewriter.replace(node, ChannelScaleShift(relu=node.op.relu), weights="kept")
    return None


def _find_prepared(graph: Graph, node: Node) -> list[Node]:
    """The 1×1 convolution that can compute this clamp, or factor and shift, itself; else an empty list."""
    if not isinstance(node.op, ClampChannels | ScaleShift) or graph.shares_module(node):
        return []
    conv = graph.only_user(node.outputs[0])
    if conv is None or type(conv.op) is not FusedConv or conv.inputs[0] != node.outputs[0] or not is_pointwise(conv):
        return []
    dense = conv.op.groups == 1 and conv.input_shapes[0].spatial == conv.output_shapes[0].spatial
    small = is_faster(conv.input_shapes[0].channels, conv.op.out)
    return [conv] if dense and small and not graph.shares_module(conv) else []


def _name_before(node: Node) -> Before:
    if isinstance(node.op, ClampChannels):
        return "clamp"
    assert isinstance(node.op, ScaleShift), "these two are prepared"
    return "scale_relu" if node.op.relu else "scale"


@graph_pass("back end", keeps="training")
def use_token_kernels(graph: Graph) -> Graph:
    """The graph in which a sum and its layer normalisation, and a linear layer and its GELU, are one kernel each."""
    linears = {gelu.id: (linear, gelu) for linear in graph.ops for gelu in _find_gelu(graph, linear)}
    sums = {node.id: norm for node in graph.ops for norm in _find_norm(graph, node)}
    norms = {norm.id: graph.nodes[id] for id, norm in sums.items()}
    inside = {linear.id for linear, _ in linears.values()}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in inside:
            return ()
        if node.id in linears:
            linear, gelu = linears[node.id]
            assert isinstance(gelu.op, GELU), "only these are found"
            op = LinearGELU(**dict(linear.op), approximate=gelu.op.approximate)
            return rewriter.add(op, rewriter.operands(linear), linear, path=linear.path, weights="kept")
        if node.id in sums:
            norm = sums[node.id]
            made = rewriter.add(AddNorm(**dict(norm.op)), rewriter.operands(node), norm, path=norm.path, weights="kept")
            rewriter.stand_for(norm, made[1:])
            return made[:1]
        return rewriter.find_values(node.outputs) if node.id in norms else None

    return rewrite_graph(graph, rewrite)


def _find_gelu(graph: Graph, node: Node) -> list[Node]:
    """The GELU that is the only consumer of a linear layer over the last axis; else an empty list."""
    gelu = graph.only_user(node.outputs[0]) if type(node.op) is Linear and not graph.shares_module(node) else None
    last = gelu is not None and isinstance(gelu.op, GELU) and len(node.op.lower(*node.input_shapes)) == 1
    return [gelu] if gelu is not None and last else []


def _find_norm(graph: Graph, node: Node) -> list[Node]:
    """The layer normalisation over the last axis of a sum of two values; else an empty list."""
    if not isinstance(node.op, Add) or len(node.inputs) != 2 or not adds_equals(node):
        return []
    norms = [
        consumer
        for consumer in graph.users(node.outputs[0])
        if type(consumer.op) is LayerNorm and not graph.shares_module(consumer) and _is_over_last(consumer)
    ]
    return norms if len(norms) == 1 else []


def _is_over_last(norm: Node) -> bool:
    assert isinstance(norm.op, LayerNorm), "asked of normalisations"
    shape = norm.input_shapes[0]
    return norm.op.normalized_sizes(shape) == shape.sizes[-1:] and len(norm.op.lower(shape)) == 1
