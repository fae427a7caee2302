"""The pass that replaces clamps, and factors and shifts, by kernels."""

from __future__ import annotations

from archspec.codegen.fx.kernels.ops import ChannelClamp, ChannelScaleShift
from archspec.ir.graph import Graph, Node
from archspec.ops.activation import ClampChannels
from archspec.ops.norm import ScaleShift
from archspec.passes.chains import leads_with_channels
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("back end", keeps="training")
def use_channel_kernels(graph: Graph) -> Graph:
    """The graph in which each clamp, and each factor and shift, of images is one kernel."""

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.inputs[0].shape.rank != 3 or not leads_with_channels(node):
            return None
        if isinstance(node.op, ClampChannels):
            return rewriter.replace(node, ChannelClamp(), weights="kept")
        if isinstance(node.op, ScaleShift):
            return rewriter.replace(node, ChannelScaleShift(relu=node.op.relu), weights="kept")
        return None

    return rewrite_graph(graph, rewrite)
