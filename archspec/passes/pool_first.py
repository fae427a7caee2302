"""The pass `pool_first`: pools before pointwise convolutions, as in the transitions of DenseNet (Huang et al. 2017, arXiv:1608.06993)."""

from __future__ import annotations

from math import prod

from archspec.ir.graph import Graph, Node
from archspec.ops.base import per_axis
from archspec.ops.pool import AvgPool
from archspec.passes.chains import exchange_neighbours, is_pointwise
from archspec.passes.contract import graph_pass


@graph_pass("optimizer", keeps="training")
def pool_first(graph: Graph) -> Graph:
    """Exchanges each 1×1 convolution with the average pooling that is its only consumer, if that leaves fewer places to convolve.

    The convolution is linear over channels and the pooling over places, so that they commute, unless the pooling counts padded
    zeros. The convolution of a DenseNet transition then costs a quarter.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: transition, input: [4, 8, 8], stages: {body: [conv: 2, avgpool: 2]}}")
    >>> print(format_graph(pool_first(before.graph)))
    %0 = input input: 4×8×8
    %1 = avgpool(kernel=2) %0: 4×4×4  body.1
    %2 = conv(out=2) %1: 2×4×4  body.0
    output = %2
    """
    return exchange_neighbours(graph, {pool.id: conv for pool in graph.ops for conv in _find_conv_before(graph, pool)})


def _find_conv_before(graph: Graph, pool: Node) -> list[Node]:
    """The convolution before a pooling, if exchanging them is exact and reduces work; else an empty list."""
    value = pool.inputs[0]
    conv = graph.nodes[value.node]
    if not isinstance(pool.op, AvgPool) or not isinstance(conv, Node) or not is_pointwise(conv):
        return []
    unpadded = not any(per_axis(pool.op.padding, value.shape.rank - 1, "padding"))
    unstrided = conv.inputs[0].shape.spatial == value.shape.spatial
    fewer = prod(pool.outputs[0].shape.spatial) < prod(value.shape.spatial)
    return [conv] if unpadded and unstrided and fewer and graph.only_user(value) is pool else []
