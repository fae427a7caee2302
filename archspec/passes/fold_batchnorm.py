"""The passes that fold batch normalisations in evaluation into neighbouring layers.

In evaluation a normalisation is y = factor · x + shift for each channel, which a convolution or a linear layer absorbs exactly, up to
the rounding of its weights (Jacob et al. 2018, arXiv:1712.05877, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable

from archspec.ir.graph import Graph, Node
from archspec.ir.weight_provenance import WeightSource
from archspec.passes.absorption import (
    Absorption,
    absorbing_consumers,
    add_bias,
    can_absorb_output,
    consistent_absorptions,
    find_batchnorms,
    scale_inputs,
    scale_outputs,
)
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("optimizer", keeps="evaluation")
def fold_batchnorm(graph: Graph) -> Graph:
    """Folds each batch normalisation into the convolution or linear layer before it, if it is that layer's only consumer.

    For networks in evaluation. The layer gets a bias.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: plain, input: [4, 8, 8], stages: {body: [conv: {out: 2, bias: false}, batchnorm]}}")
    >>> print(format_graph(fold_batchnorm(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=2) %0: 2×8×8  body.0
    output = %1
    """
    before = ((norm, graph.nodes[norm.inputs[0].node]) for norm in find_batchnorms(graph))
    absorptions = [
        Absorption(norm, layer)
        for norm, layer in before
        if isinstance(layer, Node) and can_absorb_output(layer) and graph.only_user(norm.inputs[0]) is norm
    ]
    return _fold_absorptions(graph, consistent_absorptions(graph, absorptions), scale_outputs)


@graph_pass("optimizer", keeps="evaluation")
def fold_batchnorm_forward(graph: Graph) -> Graph:
    """Folds each batch normalisation into the layers after it, if these are its only consumers and none pads with zeros.

    For networks in evaluation. With zero padding it would not be exact, because the shift does not apply to the padded zeros.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: early, input: [4, 8, 8], stages: {body: [batchnorm, conv: 2]}}")
    >>> print(format_graph(fold_batchnorm_forward(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=2) %0: 2×8×8  body.1
    output = %1
    """
    absorptions = [
        Absorption(norm, layer)
        for norm in find_batchnorms(graph)
        for layer in absorbing_consumers(graph, norm.outputs[0])
    ]
    return _fold_absorptions(graph, consistent_absorptions(graph, absorptions), scale_inputs)


def _fold_absorptions(
    graph: Graph, absorptions: list[Absorption], scale: Callable[[Absorption], dict[str, WeightSource]]
) -> Graph:
    norms = {absorption.norm.id for absorption in absorptions}
    by_layer = {absorption.layer.id: absorption for absorption in absorptions}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in norms:
            return rewriter.operands(node)
        if node.id not in by_layer:
            return None
        return rewriter.replace(node, add_bias(node), weights=scale(by_layer[node.id]))

    return rewrite_graph(graph, rewrite)
