"""Finds values that are zero whatever the input is, and removes them: an operation `none` of a search space is a product with zero."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from archspec.ops.base import Op
from archspec.ops.constants import Constant
from archspec.ops.join import Add, Multiply
from archspec.ops.pool import Pooling
from archspec.sweep.routes import BlockRoutes, Source, TracedNode


def remove_zeros(nodes: Sequence[TracedNode], outputs: Sequence[Source]) -> tuple[Sequence[TracedNode], list[Source]]:
    """The nodes without those that always are zero, without sums of one value, and without those that then reach no output.

    Operands that are zero are left out of sums; elsewhere, and among the outputs, their source is `ZERO`.
    """
    if not has_zeros(nodes):
        return nodes, list(outputs)
    zeros = find_zeros(nodes)
    places: dict[Source, Source] = {}
    kept: list[TracedNode] = []

    def locate(source: Source) -> Source:
        return ZERO if source in zeros else source if source[0] < 0 else places[source]

    for id, node in enumerate(nodes):
        if (id, 0) in zeros:
            continue
        sources = tuple(map(locate, node.sources))
        if isinstance(node.op, Add):
            sources = tuple([source for source in sources if source != ZERO])
        if isinstance(node.op, Add) and len(sources) == 1:
            places[id, 0] = sources[0]
            continue
        for output in range(len(node.output_shapes)):
            places[id, output] = len(kept), output
        kept.append(_move_node(node, sources))
    return _remove_unused(kept, list(map(locate, outputs)))


ZERO: Source = (-2, 0)
"""The source of a value that is zero."""


def _remove_unused(nodes: list[TracedNode], outputs: list[Source]) -> tuple[list[TracedNode], list[Source]]:
    used = {node for node, _ in outputs}
    for id in range(len(nodes) - 1, -1, -1):
        if id in used:
            used.update(node for node, _ in nodes[id].sources)
    new = {id: position for position, id in enumerate(id for id in range(len(nodes)) if id in used)}

    def move(sources: Sequence[Source]) -> list[Source]:
        return [(new.get(node, node), output) for node, output in sources]

    return [_move_node(nodes[id], tuple(move(nodes[id].sources))) for id in new], move(outputs)


def _move_node(node: TracedNode, sources: tuple[Source, ...]) -> TracedNode:
    """A node with other sources, of which there may be fewer."""
    if sources == node.sources:
        return node
    return TracedNode(sources, node.input_shapes[: len(sources)], node.output_shapes, node.op, node.block)


def has_zeros(nodes: Sequence[TracedNode]) -> bool:
    """Whether one of the nodes, or of the blocks that they stand for, is a constant zero."""
    return any(node.block.has_zeros if node.block is not None else _is_zero(node.op) for node in nodes)


def find_zeros(nodes: Sequence[TracedNode], inputs: Collection[int] = ()) -> set[Source]:
    """The outputs of nodes that are zero if these inputs are."""
    zeros: set[Source] = {(-1, position) for position in inputs}
    for id, node in enumerate(nodes):
        given = tuple([source in zeros for source in node.sources])
        if node.block is not None:
            zeros.update((id, output) for output in _find_block_zeros(node.block, given))
        elif _is_zero(node.op) or _keeps_zero(node.op, given):
            zeros.add((id, 0))
    return zeros


def _find_block_zeros(block: BlockRoutes, given: tuple[bool, ...]) -> Sequence[int]:
    if not (block.has_zeros or True in given):
        return ()
    known = block.zeros.get(given)
    if known is None:
        zeros = find_zeros(block.nodes, [position for position, zero in enumerate(given) if zero])
        known = block.zeros[given] = [output for output, source in enumerate(block.outputs) if source in zeros]
    return known


def _is_zero(op: Op | None) -> bool:
    return isinstance(op, Constant) and op.kind == "values" and not any(op.values or (1,))


def _keeps_zero(op: Op | None, given: Sequence[bool]) -> bool:
    if isinstance(op, Multiply):
        return any(given)
    return isinstance(op, Add | Pooling) and all(given)
