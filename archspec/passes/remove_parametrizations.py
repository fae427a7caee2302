"""The pass `remove_parametrizations`: computes weights once that the network computes at each call."""

from __future__ import annotations

from archspec.ir.graph import Graph, Node
from archspec.ir.weight_provenance import ComputedWeight, WeightSlice, WeightSource
from archspec.ops.conv import StandardisedConv
from archspec.ops.parametrization import PREFIX, Parametrized
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("optimizer", keeps="evaluation")
def remove_parametrizations(graph: Graph) -> Graph:
    """Makes plain layers of those with weight norm, spectral norm or standardised weights, so that other passes can change them.

    For networks in evaluation, whose weights do not change between two calls.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: normed, input: [4], stages: {body: [linear: {out: 2, parametrization: weight_norm}]}}")
    >>> print(format_graph(remove_parametrizations(before.graph)))
    %0 = input input: 4
    %1 = linear(out=2) %0: 2  body.0
    output = %1
    """
    return rewrite_graph(graph, _replace_layer)


def _replace_layer(rewriter: Rewriter, node: Node) -> Values | None:
    if not isinstance(node.op, Parametrized | StandardisedConv):
        return None
    plain = node.op.plain()
    names = [weight.name for weight in plain.weights(*node.input_shapes)]
    weights: dict[str, WeightSource] = {name: WeightSlice(f"{node.name}.{name}") for name in names}
    return rewriter.replace(node, plain, weights=weights | {"weight": _find_computed_weight(node.op, node.name)})


def _find_computed_weight(op: Parametrized | StandardisedConv, layer: str) -> ComputedWeight:
    if isinstance(op, StandardisedConv):
        names = ("weight",) if op.gain is None else ("weight", "gain")
        return ComputedWeight("standardise", _slice_all(layer, names), eps=op.eps, gain=op.gain or 1.0)
    if op.parametrization == "weight_norm":
        return ComputedWeight("weight_norm", _slice_all(f"{layer}.{PREFIX}", ("original1", "original0")))
    tensors = _slice_all(f"{layer}.{PREFIX}", ("original", "0._u", "0._v"))
    return ComputedWeight("spectral_norm", tensors, axis=op.spectral_axis)


def _slice_all(scope: str, names: tuple[str, ...]) -> tuple[WeightSlice, ...]:
    return tuple(WeightSlice(f"{scope}.{name}") for name in names)
