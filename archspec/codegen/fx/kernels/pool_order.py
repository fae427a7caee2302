"""The pass `pool_last`, which pools after 1×1 convolutions on devices that pool slowly."""

from __future__ import annotations

from archspec.ir.graph import Graph, Node
from archspec.ir.shape import Shape
from archspec.ops.activation import Activation
from archspec.ops.base import per_axis
from archspec.ops.join import Add
from archspec.ops.pool import AvgPool
from archspec.passes.chains import exchange_neighbours, is_pointwise
from archspec.passes.contract import graph_pass

_MEMORY, _POOLING, _ARITHMETIC = 3.0e12, 0.32e12, 6e14
"""Bytes per second of an H100's memory and of its average pooling with the channels last, and the FLOP per second of its convolutions,
in bfloat16: DenseNet-121's three transitions, batch 128, pooled their 360 MB in 1.12 ms, and half of it in 0.54 ms."""
_BYTES = 2


@graph_pass("back end", keeps="training")
def pool_last(graph: Graph) -> Graph:
    """Exchanges each average pooling with the 1×1 convolution that is its only consumer, if that is faster on a GPU.

    The optimiser's pass `pool_first` puts the pooling first, which leaves fewer places to convolve. A GPU convolves at the speed of its
    memory but pools at a tenth of it, so that pooling the fewer channels after the convolution is faster.
    """
    return exchange_neighbours(graph, {conv.id: pool for conv in graph.ops for pool in _find_pool_before(graph, conv)})


def _find_pool_before(graph: Graph, conv: Node) -> list[Node]:
    """The average pooling before a 1×1 convolution, if exchanging them is exact and faster; else an empty list."""
    pool = graph.nodes[conv.inputs[0].node] if is_pointwise(conv) else None
    if not isinstance(pool, Node) or not isinstance(pool.op, AvgPool) or graph.only_user(conv.inputs[0]) is not conv:
        return []
    value = pool.inputs[0]
    unpadded = not any(per_axis(pool.op.padding, value.shape.rank - 1, "padding"))
    unstrided = conv.inputs[0].shape.spatial == conv.outputs[0].shape.spatial
    follower = graph.only_user(conv.outputs[0])
    fused = follower is not None and isinstance(follower.op, Activation | Add)
    return (
        [pool]
        if unpadded and unstrided and not fused and _late_seconds(conv, pool) < _early_seconds(conv, pool)
        else []
    )


def _early_seconds(conv: Node, pool: Node) -> float:
    return _pooling_seconds(pool.inputs[0].shape) + _convolution_seconds(conv, pool.outputs[0].shape)


def _late_seconds(conv: Node, pool: Node) -> float:
    large = pool.inputs[0].shape
    return _convolution_seconds(conv, large) + _pooling_seconds(*conv.op.infer(large))


def _pooling_seconds(shape: Shape) -> float:
    return shape.numel * _BYTES / _POOLING


def _convolution_seconds(conv: Node, shape: Shape) -> float:
    """The time of a convolution: the longer of its arithmetic and its memory traffic."""
    outputs = conv.op.infer(shape)
    moved = (shape.numel + sum(output.numel for output in outputs)) * _BYTES
    return max(2 * conv.op.macs((shape,), outputs) / _ARITHMETIC, moved / _MEMORY)
