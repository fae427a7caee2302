"""Batch normalisation and ReLU of pre-activation networks (He et al. 2016, arXiv:1603.05027) in evaluation, as one op."""

from __future__ import annotations

from archspec.carried import Carried
from archspec.graph import Graph, Node, Value
from archspec.ops.activation import Clamp, ReLU
from archspec.ops.norm import ScaleShift
from archspec.passes.absorption import Absorption, agreed, biased, norms_of, scaled_inputs, stacked, takers
from archspec.passes.base import followed, keep, rebuild
from archspec.passes.chains import Wiring


def fuse_preactivation(graph: Graph) -> Graph:
    """Makes one op of each batch normalisation that stands by itself, and of the ReLU that alone reads it.

    For networks in evaluation, after what can be folded is folded. relu(factor · x + shift) is factor · clamp(x, low, high) +
    shift, with a bound where it crosses 0. Where the layers that read it can take over the factor and the shift, that is, where
    none of them pads with zeros, a `clamp` is all that is left; elsewhere a `scaleshift`.
    """
    return _scaleshifts(_clamps(graph))


def _clamps(graph: Graph) -> Graph:
    wiring = Wiring.of(graph)
    relus = _rectified(wiring)
    found = [
        Absorption(norm, layer)
        for norm in norms_of(graph)
        if norm.id in relus
        for layer in takers(wiring, relus[norm.id].outputs[0])
    ]
    absorptions = agreed(graph, found)
    if not absorptions:
        return graph
    by_layer = {one.layer.id: one for one in absorptions}
    norms = {one.norm.id for one in absorptions}
    gone = {relus[norm].id for norm in norms}
    step: dict[str, Carried] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in gone:
            return inputs
        if node.id in norms:
            step.update(stacked(node, "low", "high"))
            return new.add(Clamp(), inputs, node.path, scope=node.scope, span=node.span, use=node.use)
        if node.id not in by_layer:
            return keep(new, node, inputs)
        step.update(scaled_inputs(by_layer[node.id], rectified=True))
        return biased(new, node, inputs)

    return followed(rebuild(graph, change), step)


def _scaleshifts(graph: Graph) -> Graph:
    norms = {node.id for node in norms_of(graph)}
    if not norms:
        return graph
    relus = _rectified(Wiring.of(graph))
    gone = {relu.id for relu in relus.values()}
    step: dict[str, Carried] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in gone:
            return inputs
        if node.id not in norms:
            return keep(new, node, inputs)
        step.update(stacked(node, "factor", "shift"))
        op = ScaleShift(relu=node.id in relus)
        return new.add(op, inputs, node.path, scope=node.scope, span=node.span, use=node.use)

    return followed(rebuild(graph, change), step)


def _rectified(wiring: Wiring) -> dict[int, Node]:
    """For each batch normalisation that nothing but a ReLU reads, that ReLU."""
    readers = ((norm, wiring.only_reader(norm.outputs[0])) for norm in norms_of(wiring.graph))
    return {norm.id: reader for norm, reader in readers if reader is not None and isinstance(reader.op, ReLU)}
