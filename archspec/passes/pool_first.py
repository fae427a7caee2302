"""Pooling before a pointwise convolution instead of after it: the transitions of DenseNet (Huang et al. 2017, arXiv:1608.06993)."""

from __future__ import annotations

from math import prod

from archspec.graph import Graph, Node, Value
from archspec.ops.base import per_axis
from archspec.ops.pool import AvgPool
from archspec.passes.base import keep, rebuild
from archspec.passes.chains import Wiring, pointwise


def pool_first(graph: Graph) -> Graph:
    """Exchanges each 1×1 convolution with the average pooling that alone reads it, where fewer places are left to convolve.

    Both are linear, the one over channels, the other over places, so that their order does not matter; the pooling must not
    mix in zeros of its own. A transition of DenseNet costs a quarter then.
    """
    wiring = Wiring.of(graph)
    swapped = {pool.id: conv for pool in graph.ops for conv in _before(wiring, pool)}
    late = {conv.id for conv in swapped.values()}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in late:
            return inputs
        made = keep(new, node, inputs)
        return keep(new, swapped[node.id], made) if node.id in swapped else made

    return rebuild(graph, change) if swapped else graph


def _before(wiring: Wiring, pool: Node) -> list[Node]:
    """The convolution before a pooling, if the two can change places and it pays."""
    value = pool.inputs[0]
    conv = wiring.graph.nodes[value.node]
    if not isinstance(pool.op, AvgPool) or not isinstance(conv, Node) or not pointwise(conv):
        return []
    unpadded = not any(per_axis(pool.op.padding, value.shape.rank - 1, "padding"))
    unstrided = conv.inputs[0].shape.spatial == value.shape.spatial
    fewer = prod(pool.outputs[0].shape.spatial) < prod(value.shape.spatial)
    return [conv] if unpadded and unstrided and fewer and wiring.only_reader(value) is pool else []
