"""Computes a hash of a network's structure, equal for networks that differ only in names and in the order of their branches.

Each node is labelled by its op, its shapes and the labels of its operands, which are sorted where their order does not matter; then by the
labels of its consumers as well. The hash is that of the labels of the outputs and of all nodes, so that a value that is used twice is not
two equal values. Values that are zero whatever the input is are left out first, with what only they depend on. It is the refinement of Weisfeiler and Lehman (1968) with one sweep in each direction of the graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from archspec.ops.base import Op
from archspec.sweep.routes import Source, TracedNode
from archspec.sweep.zeros import ZERO, remove_zeros


def hash_structure(nodes: Sequence[TracedNode], outputs: Sequence[Source]) -> str:
    """The hash of some nodes with their outputs: 32 hexadecimal digits."""
    nodes, outputs = remove_zeros(nodes, outputs)
    below = _label_by_operands(nodes)
    labels = _label_by_consumers(nodes, below, outputs)
    ends = [_find_label(source, below) for source in outputs]
    return _hash("network", *ends, *sorted(labels))


def _label_by_operands(nodes: Sequence[TracedNode]) -> list[str]:
    labels: list[str] = []
    for node in nodes:
        operands = [_find_label(source, labels) for source in node.sources]
        if node.op is not None and node.op.folds:
            operands.sort()
        labels.append(_hash(_describe_node(node), *operands))
    return labels


def _label_by_consumers(nodes: Sequence[TracedNode], below: Sequence[str], outputs: Sequence[Source]) -> list[str]:
    used: list[list[str]] = [[] for _ in nodes]
    for position, (node, _) in enumerate(outputs):
        if node >= 0:
            used[node].append(f"output {position}")
    labels = [""] * len(nodes)
    for id in range(len(nodes) - 1, -1, -1):
        labels[id] = _hash(below[id], *sorted(used[id]))
        for node, output in nodes[id].sources:
            if node >= 0:
                used[node].append(f"{output} {labels[id]}")
    return labels


def _find_label(source: Source, labels: Sequence[str]) -> str:
    node, position = source
    if source == ZERO:
        return "zero"
    return f"input {position}" if node < 0 else f"{labels[node]}.{position}"


def _describe_node(node: TracedNode) -> str:
    shapes = " ".join(map(str, node.input_shapes))
    if node.block is not None:
        return f"block {node.block.structure} {shapes}"
    assert node.op is not None
    return f"{_describe_op(node.op)} {shapes}"


@lru_cache(maxsize=4096)
def _describe_op(op: Op) -> str:
    return f"{op.word} {sorted(op.arguments().items(), key=lambda item: item[0])}"


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
