"""The pass `fuse_preactivation`: fuses the batch normalisation and ReLU of pre-activation networks (He et al. 2016, arXiv:1603.05027)."""

from __future__ import annotations

from archspec.ir.graph import Graph, Node
from archspec.ops.activation import ClampChannels, ReLU
from archspec.ops.norm import ScaleShift
from archspec.passes.absorption import (
    Absorption,
    absorbing_consumers,
    add_bias,
    consistent_absorptions,
    find_batchnorms,
    scale_inputs,
    stack_constants,
)
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("optimizer", keeps="evaluation")
def fuse_preactivation(graph: Graph) -> Graph:
    """Fuses each remaining batch normalisation and the ReLU that is its only consumer into one op.

    For networks in evaluation, after folding. relu(factor · x + shift) is factor · clamp(x, low, high) + shift with one finite
    bound, where it crosses 0. If the consumers can absorb the factor and the shift, which needs that none pads with zeros, only a
    `clamp` remains; otherwise the normalisation becomes a `scaleshift`.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: unit, input: [4, 8, 8], stages: {body: [batchnorm, relu, conv: 2]}}")
    >>> print(format_graph(fuse_preactivation(before.graph)))
    %0 = input input: 4×8×8
    %1 = clampchannels %0: 4×8×8  body.0
    %2 = conv(out=2) %1: 2×8×8  body.2
    output = %2
    """
    return _insert_scaleshifts(_insert_clamps(graph))


def _insert_clamps(graph: Graph) -> Graph:
    relus = _find_relus(graph)
    candidates = [
        Absorption(norm, layer)
        for norm in find_batchnorms(graph)
        if norm.id in relus
        for layer in absorbing_consumers(graph, relus[norm.id].outputs[0])
    ]
    absorptions = consistent_absorptions(graph, candidates)
    by_layer = {absorption.layer.id: absorption for absorption in absorptions}
    norms = {absorption.norm.id for absorption in absorptions}
    rectified = {relus[norm].id for norm in norms}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in rectified:
            return rewriter.operands(node)
        if node.id in norms:
            return rewriter.replace(node, ClampChannels(), weights=stack_constants(node, "low", "high"))
        if node.id not in by_layer:
            return None
        return rewriter.replace(node, add_bias(node), weights=scale_inputs(by_layer[node.id], rectified=True))

    return rewrite_graph(graph, rewrite)


def _insert_scaleshifts(graph: Graph) -> Graph:
    norms = {node.id for node in find_batchnorms(graph)}
    relus = _find_relus(graph)
    rectified = {relu.id for relu in relus.values()}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in rectified:
            return rewriter.operands(node)
        if node.id not in norms:
            return None
        op = ScaleShift(relu=node.id in relus)
        return rewriter.replace(node, op, weights=stack_constants(node, "factor", "shift"))

    return rewrite_graph(graph, rewrite)


def _find_relus(graph: Graph) -> dict[int, Node]:
    """For each batch normalisation with a ReLU as its only consumer, that ReLU."""
    consumers = ((norm, graph.only_user(norm.outputs[0])) for norm in find_batchnorms(graph))
    return {norm.id: consumer for norm, consumer in consumers if consumer is not None and isinstance(consumer.op, ReLU)}
