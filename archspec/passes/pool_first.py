"""Pooling before a pointwise convolution instead of after it: the transitions of DenseNet (Huang et al. 2017, arXiv:1608.06993)."""

from __future__ import annotations

from math import prod

from archspec.ir.graph import Graph, Node, Value
from archspec.ops.base import per_axis
from archspec.ops.pool import AvgPool
from archspec.passes.base import keep_node, rebuild_graph
from archspec.passes.chains import ValueUses, is_pointwise


def pool_first(graph: Graph) -> Graph:
    """Exchanges each 1×1 convolution with the average pooling that alone reads it, where fewer places are left to convolve.

    Both are linear, the one over channels, the other over places, so that their order does not matter; the pooling must not
    mix in zeros of its own. A transition of DenseNet costs a quarter then.
    """
    value_uses = ValueUses.from_graph(graph)
    swapped = {pool.id: conv for pool in graph.ops for conv in _find_conv_before(value_uses, pool)}
    late = {conv.id for conv in swapped.values()}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in late:
            return inputs
        made = keep_node(new, node, inputs)
        return keep_node(new, swapped[node.id], made) if node.id in swapped else made

    return rebuild_graph(graph, change) if swapped else graph


def _find_conv_before(value_uses: ValueUses, pool: Node) -> list[Node]:
    """The convolution before a pooling, if the two can change places and it pays."""
    value = pool.inputs[0]
    conv = value_uses.graph.nodes[value.node]
    if not isinstance(pool.op, AvgPool) or not isinstance(conv, Node) or not is_pointwise(conv):
        return []
    unpadded = not any(per_axis(pool.op.padding, value.shape.rank - 1, "padding"))
    unstrided = conv.inputs[0].shape.spatial == value.shape.spatial
    fewer = prod(pool.outputs[0].shape.spatial) < prod(value.shape.spatial)
    return [conv] if unpadded and unstrided and fewer and value_uses.only_consumer(value) is pool else []
