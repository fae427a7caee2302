"""Batch normalisations of a network in evaluation, folded into the layers beside them.

There a normalisation is y = factor · x + shift for each channel, which a convolution or a linear layer takes over exactly, but for
the rounding of its weights (Jacob et al. 2018, arXiv:1712.05877, section 3.2).
"""

from __future__ import annotations

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import WeightSource
from archspec.passes.absorption import (
    Absorption,
    absorbing_consumers,
    add_with_bias,
    can_absorb_output,
    consistent_absorptions,
    find_batchnorms,
    scale_inputs,
    scale_outputs,
)
from archspec.passes.base import keep_node, rebuild_graph, with_weight_map
from archspec.passes.chains import ValueUses


def fold_batchnorm(graph: Graph) -> Graph:
    """Folds each batch normalisation into the convolution or linear layer before it, where nothing else reads that.

    For networks in evaluation. The layer has a bias then.
    """
    value_uses = ValueUses.from_graph(graph)
    before = ((norm, graph.nodes[norm.inputs[0].node]) for norm in find_batchnorms(graph))
    absorptions = [
        Absorption(norm, layer)
        for norm, layer in before
        if isinstance(layer, Node) and can_absorb_output(layer) and value_uses.only_consumer(norm.inputs[0]) is norm
    ]
    return _fold_absorptions(graph, consistent_absorptions(graph, absorptions), after=False)


def fold_batchnorm_forward(graph: Graph) -> Graph:
    """Folds each batch normalisation into the layers after it, where these are all that read it and none pads with zeros.

    For networks in evaluation. Around a zero that a convolution adds at the edge there is nothing that could be shifted: with
    such padding it would not be exact.
    """
    value_uses = ValueUses.from_graph(graph)
    absorptions = [
        Absorption(norm, layer)
        for norm in find_batchnorms(graph)
        for layer in absorbing_consumers(value_uses, norm.outputs[0])
    ]
    return _fold_absorptions(graph, consistent_absorptions(graph, absorptions), after=True)


def _fold_absorptions(graph: Graph, absorptions: list[Absorption], *, after: bool) -> Graph:
    if not absorptions:
        return graph
    gone = {absorption.norm.id for absorption in absorptions}
    by_layer = {absorption.layer.id: absorption for absorption in absorptions}
    weight_map: dict[str, WeightSource] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in gone:
            return inputs
        if node.id not in by_layer:
            return keep_node(new, node, inputs)
        absorption = by_layer[node.id]
        weight_map.update(scale_inputs(absorption, rectified=False) if after else scale_outputs(absorption))
        return add_with_bias(new, node, inputs)

    return with_weight_map(rebuild_graph(graph, change), weight_map)
