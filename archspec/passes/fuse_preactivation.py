"""Batch normalisation and ReLU of pre-activation networks (He et al. 2016, arXiv:1603.05027) in evaluation, as one op."""

from __future__ import annotations

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import WeightSource
from archspec.ops.activation import Clamp, ReLU
from archspec.ops.norm import ScaleShift
from archspec.passes.absorption import (
    Absorption,
    absorbing_consumers,
    add_with_bias,
    consistent_absorptions,
    find_batchnorms,
    scale_inputs,
    stack_constants,
)
from archspec.passes.base import keep_node, rebuild_graph, with_weight_map
from archspec.passes.chains import ValueUses


def fuse_preactivation(graph: Graph) -> Graph:
    """Makes one op of each batch normalisation that stands by itself, and of the ReLU that alone reads it.

    For networks in evaluation, after what can be folded is folded. relu(factor · x + shift) is factor · clamp(x, low, high) +
    shift, with a bound where it crosses 0. Where the layers that read it can take over the factor and the shift, that is, where
    none of them pads with zeros, a `clamp` is all that is left; elsewhere a `scaleshift`.
    """
    return _insert_scaleshifts(_insert_clamps(graph))


def _insert_clamps(graph: Graph) -> Graph:
    value_uses = ValueUses.from_graph(graph)
    relus = _find_relus(value_uses)
    candidates = [
        Absorption(norm, layer)
        for norm in find_batchnorms(graph)
        if norm.id in relus
        for layer in absorbing_consumers(value_uses, relus[norm.id].outputs[0])
    ]
    absorptions = consistent_absorptions(graph, candidates)
    if not absorptions:
        return graph
    by_layer = {absorption.layer.id: absorption for absorption in absorptions}
    norms = {absorption.norm.id for absorption in absorptions}
    gone = {relus[norm].id for norm in norms}
    weight_map: dict[str, WeightSource] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in gone:
            return inputs
        if node.id in norms:
            weight_map.update(stack_constants(node, "low", "high"))
            return new.add_node(Clamp(), inputs, node.path, region=node.region, span=node.span, use=node.use)
        if node.id not in by_layer:
            return keep_node(new, node, inputs)
        weight_map.update(scale_inputs(by_layer[node.id], rectified=True))
        return add_with_bias(new, node, inputs)

    return with_weight_map(rebuild_graph(graph, change), weight_map)


def _insert_scaleshifts(graph: Graph) -> Graph:
    norms = {node.id for node in find_batchnorms(graph)}
    if not norms:
        return graph
    relus = _find_relus(ValueUses.from_graph(graph))
    gone = {relu.id for relu in relus.values()}
    weight_map: dict[str, WeightSource] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in gone:
            return inputs
        if node.id not in norms:
            return keep_node(new, node, inputs)
        weight_map.update(stack_constants(node, "factor", "shift"))
        op = ScaleShift(relu=node.id in relus)
        return new.add_node(op, inputs, node.path, region=node.region, span=node.span, use=node.use)

    return with_weight_map(rebuild_graph(graph, change), weight_map)


def _find_relus(value_uses: ValueUses) -> dict[int, Node]:
    """For each batch normalisation that nothing but a ReLU reads, that ReLU."""
    consumers = ((norm, value_uses.only_consumer(norm.outputs[0])) for norm in find_batchnorms(value_uses.graph))
    return {norm.id: consumer for norm, consumer in consumers if consumer is not None and isinstance(consumer.op, ReLU)}
