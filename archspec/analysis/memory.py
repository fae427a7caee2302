"""How much memory a network's tensors take: weights, and the activations of one sample."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.analysis.counts import total
from archspec.graph import Graph

FLOAT32 = 4
"""Bytes of one element."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. Activations are those of one sample and grow with the batch."""

    params: int
    buffers: int
    inference: int
    """Activations at the worst moment of inference, each value being freed after its last use."""
    training: int
    """Activations that a training step keeps for its backward pass."""


def memory(graph: Graph, item_size: int = FLOAT32) -> Memory:
    """The bytes that a network takes where one element takes `item_size`.

    The model is simple and leans to the high side. Inference runs the nodes in their order; at each, its outputs are alive
    beside all values still to be read or returned. Training keeps every value that some op reads or the network returns, once.
    Neither knows of in-place ops, of views (a flattened value counts as a copy), of what an op needs in its inside, or of
    gradients and the optimiser's state.
    """
    held = total(graph)
    return Memory(
        held.params * item_size,
        held.buffers * item_size,
        peak_elements(graph) * item_size,
        kept_elements(graph) * item_size,
    )


def peak_elements(graph: Graph) -> int:
    """The most elements alive at one moment of inference."""
    readers = _readers(graph)
    freed_after = _last_reads(graph)
    alive = peak = 0
    for node in graph.nodes:
        alive += sum(value.shape.count for value in node.outputs)
        peak = max(peak, alive)
        alive -= sum(value.shape.count for value in node.outputs if (node.id, value.index) not in readers)
        alive -= freed_after.get(node.id, 0)
    return peak


def kept_elements(graph: Graph) -> int:
    """The elements of all values that are read or returned."""
    readers = _readers(graph)
    return sum(value.shape.count for node in graph.nodes for value in node.outputs if (node.id, value.index) in readers)


def _readers(graph: Graph) -> dict[tuple[int, int], int | None]:
    """For each value that is used, the last node that reads it; None where the network returns it."""
    readers: dict[tuple[int, int], int | None] = {}
    for node in graph.nodes:
        readers.update(((value.node, value.index), value.users[-1]) for value in node.outputs if value.users)
    for value in graph.outputs.values():
        readers[value.node, value.index] = None
    return readers


def _last_reads(graph: Graph) -> dict[int, int]:
    """How many elements are freed after each node."""
    freed: dict[int, int] = {}
    for (node, index), reader in _readers(graph).items():
        if reader is not None:
            freed[reader] = freed.get(reader, 0) + graph.nodes[node].outputs[index].shape.count
    return freed
