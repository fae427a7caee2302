"""Estimates the memory of weights and activations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from archspec.analysis.counts import FLOAT32, sum_costs
from archspec.ir.graph import Graph


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of weights and activations; activations are those of one sample, in proportion to the batch.

    >>> Memory(params=400, buffers=0, inference=1200, training=3600).training
    3600
    """

    params: int
    buffers: int
    inference: int
    """The peak of activations in inference, where each value is freed after its last use."""
    training: int
    """The activations that a training step keeps for the backward pass."""


def estimate_memory(graph: Graph, item_size: int = FLOAT32) -> Memory:
    """The bytes of a network's tensors with `item_size` bytes for each element.

    The estimate tends to be too high. Inference runs the nodes in their order; at each node, its outputs are live together
    with all values that have a later consumer or are returned. Training keeps every value that has a consumer or is returned, once.
    Neither accounts for ops in place, for views (a flattened value counts as a copy), for the workspace of an op, or for
    gradients and the state of the optimiser.

    >>> import archspec
    >>> estimate_memory(archspec.load("cifar_resnet20_A").graph)
    Memory(params=1078888, buffers=5580, inference=196608, training=2691368)
    """
    held = sum_costs(graph)
    return Memory(
        held.params * item_size,
        held.buffers * item_size,
        count_peak_elements(graph) * item_size,
        count_kept_elements(graph) * item_size,
    )


def count_peak_elements(graph: Graph) -> int:
    """The most elements that are live at one node of inference, for one sample.

    >>> import archspec
    >>> count_peak_elements(archspec.load("cifar_resnet20_A").graph)
    49152
    """
    freed_after: Counter[int] = Counter()
    alive = peak = 0
    for node in graph.nodes:
        alive += sum(value.shape.numel for value in node.outputs)
        peak = max(peak, alive)
        for value in node.outputs:
            freed_after[graph.last_use(value) if graph.is_used(value) else node.id] += value.shape.numel
        alive -= freed_after[node.id]
    return peak


def count_kept_elements(graph: Graph) -> int:
    """The elements of all values that have a consumer or are returned, for one sample.

    >>> import archspec
    >>> count_kept_elements(archspec.load("cifar_resnet20_A").graph)
    672842
    """
    return sum(value.shape.numel for node in graph.nodes for value in node.outputs if graph.is_used(value))
