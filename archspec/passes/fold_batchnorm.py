"""Batch normalisations of a network in evaluation, folded into the layers beside them.

There a normalisation is y = factor · x + shift for each channel, which a convolution or a linear layer takes over exactly, but for
the rounding of its weights (Jacob et al. 2018, arXiv:1712.05877, section 3.2).
"""

from __future__ import annotations

from archspec.carried import Carried
from archspec.graph import Graph, Node, Value
from archspec.passes.absorption import (
    Absorption,
    agreed,
    biased,
    gives_way,
    norms_of,
    scaled_inputs,
    scaled_outputs,
    takers,
)
from archspec.passes.base import followed, keep, rebuild
from archspec.passes.chains import Wiring


def fold_batchnorm(graph: Graph) -> Graph:
    """Folds each batch normalisation into the convolution or linear layer before it, where nothing else reads that.

    For networks in evaluation. The layer has a bias then.
    """
    wiring = Wiring.of(graph)
    before = ((norm, graph.nodes[norm.inputs[0].node]) for norm in norms_of(graph))
    found = [
        Absorption(norm, layer)
        for norm, layer in before
        if isinstance(layer, Node) and gives_way(layer) and wiring.only_reader(norm.inputs[0]) is norm
    ]
    return _folded(graph, agreed(graph, found), after=False)


def fold_batchnorm_forward(graph: Graph) -> Graph:
    """Folds each batch normalisation into the layers after it, where these are all that read it and none pads with zeros.

    For networks in evaluation. Around a zero that a convolution adds at the edge there is nothing that could be shifted: with
    such padding it would not be exact.
    """
    wiring = Wiring.of(graph)
    found = [Absorption(norm, layer) for norm in norms_of(graph) for layer in takers(wiring, norm.outputs[0])]
    return _folded(graph, agreed(graph, found), after=True)


def _folded(graph: Graph, absorptions: list[Absorption], *, after: bool) -> Graph:
    if not absorptions:
        return graph
    gone = {one.norm.id for one in absorptions}
    by_layer = {one.layer.id: one for one in absorptions}
    step: dict[str, Carried] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in gone:
            return inputs
        if node.id not in by_layer:
            return keep(new, node, inputs)
        one = by_layer[node.id]
        step.update(scaled_inputs(one, rectified=False) if after else scaled_outputs(one))
        return biased(new, node, inputs)

    return followed(rebuild(graph, change), step)
