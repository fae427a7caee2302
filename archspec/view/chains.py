"""Splits chains of layers into those that figures draw as one: a weighted layer with its normalisation and activation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archspec.ir.graph import Node

_BESIDE = frozenset({"norm", "activation", "dropout"})


def split_chain(chain: Sequence[Node]) -> Iterator[list[Node]]:
    """The groups of a chain of layers: a weighted layer with the normalisation, activation and dropout after it, or before it.

    They are before it if the chain starts with them, as in pre-activation units (He et al. 2016). Any other layer is a group of its own.

    >>> import archspec
    >>> graph = archspec.load("vgg11_bn").graph
    >>> [[node.op.word for node in group] for group in split_chain(list(graph.ops)[:5])]
    [['conv', 'batchnorm', 'relu'], ['maxpool'], ['conv']]
    """
    before = any(node.op.weighted for node in chain) and _is_beside(chain[0])
    group: list[Node] = []
    for node in chain:
        if group and not _belongs_to_group(group, node, before=before):
            yield group
            group = []
        group.append(node)
    if group:
        yield group


def _belongs_to_group(group: Sequence[Node], node: Node, *, before: bool) -> bool:
    if not (_is_beside(node) or node.op.weighted) or not (_is_beside(group[-1]) or group[-1].op.weighted):
        return False
    if before:
        return not any(other.op.weighted for other in group) or node.op.category == "dropout"
    return not node.op.weighted


def _is_beside(node: Node) -> bool:
    return node.op.category in _BESIDE and len(node.inputs) == 1
