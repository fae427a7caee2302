"""Makes chains of concatenations write into one shared buffer, without copies.

A dense block of L layers (Huang et al. 2017, arXiv:1608.06993) concatenates L times, and copies its first values L times. In one
buffer with room for all, each value is copied once. A dual path block (Chen et al. 2017, arXiv:1707.01629, equation 8) also adds to
its first channels, here in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from archspec.codegen.fx.kernels.ops import ChannelPair, Grow, PreparedConv, RowAvgPool, RowMaxPool
from archspec.ir.graph import Graph, Node, Value
from archspec.ops.activation import ClampChannels
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.ops.norm import ScaleShift
from archspec.ops.pool import Pooling
from archspec.ops.tensor import Split
from archspec.passes.chains import adds_equals, joins_channels, leads_with_channels
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, replace_groups

_CONSUMING = (Conv, ClampChannels, ScaleShift, ChannelPair, Pooling, Concat)
"""Ops that need their operand only while they run, and whose results are no views of it."""
_READS_SLICES = (PreparedConv, RowMaxPool, RowAvgPool)
"""Kernels that read part of a larger buffer without a copy."""


@dataclass(frozen=True)
class BufferedConcat:
    """A concatenation of a base value and more `parts`; other values may be `added` to the base from a channel on."""

    node: Node
    base: Value
    parts: tuple[Value, ...]
    added: tuple[tuple[int, Value], ...] = ()
    inside: tuple[Node, ...] = ()
    """The other nodes that it replaces: a split of the base, and sums of its outputs."""

    def op(self, room: int | None) -> Grow:
        return Grow(room=room, starts=tuple(start for start, _ in self.added))


@graph_pass("back end", keeps="evaluation")
def share_concat_buffers(graph: Graph, *, dense_reads: bool = False) -> Graph:
    """The graph in which each chain of concatenations that extend one another shares one buffer.

    With `dense_reads`, for a device whose convolutions and pools copy an operand that is part of a larger buffer, only chains for
    which this moves fewer bytes.
    """
    chains = [chain for chain in _find_chains(graph) if not dense_reads or _saves_copies(graph, chain)]
    chosen = {growth.node.id: (growth, room) for chain in chains for growth, room in _assign_room(chain)}
    inside = {node.id for growth, _ in chosen.values() for node in growth.inside}

    return replace_groups(graph, chosen, inside, _add_growth)


def _add_growth(rewriter: Rewriter, sized: tuple[BufferedConcat, int | None]) -> Values:
    growth, room = sized
    operands = (growth.base, *(value for _, value in growth.added), *growth.parts)
    return rewriter.replace(growth.node, growth.op(room), rewriter.find_values(operands, growth.node))


def _assign_room(chain: list[BufferedConcat]) -> Iterator[tuple[BufferedConcat, int | None]]:
    """The concatenations of a chain, the first with the number of channels of the buffer."""
    room = chain[-1].node.outputs[0].shape.channels
    return ((growth, None if index else room) for index, growth in enumerate(chain))


def _find_chains(graph: Graph) -> list[list[BufferedConcat]]:
    """The chains of two or more concatenations in which each extends the result of the one before."""
    growths = [growth for node in graph.ops if (growth := _match_concat(graph, node)) is not None]
    ends = {inner.id: growth.node.id for growth in growths for inner in growth.inside}
    chains: dict[Value, list[BufferedConcat]] = {}
    earlier: dict[int, int] = {}
    for growth in growths:
        chain = chains.get(growth.base)
        if chain is not None and growth.added:
            needed = max(earlier[id(chain)], _find_last_use(graph, growth.base, ends, but=growth.inside))
            if needed >= growth.node.id:
                growth = _match_plain_concat(growth.node)
        chain = chains.pop(growth.base, [])
        read = _find_last_use(graph, growth.base, ends, but=growth.inside) if chain else -1
        earlier[id(chain)] = max(earlier.get(id(chain), -1), read) if chain else -1
        chain.append(growth)
        chains[growth.node.outputs[0]] = chain
    return [chain for chain in chains.values() if len(chain) > 1]


def _saves_copies(graph: Graph, chain: list[BufferedConcat]) -> bool:
    """Whether a shared buffer moves fewer elements than the concatenations, including the copies that its consumers need."""
    apart = sum(growth.node.outputs[0].shape.numel for growth in chain)
    together = chain[-1].node.outputs[0].shape.numel + sum(
        growth.node.outputs[0].shape.numel
        for growth in chain[:-1]
        for consumer in graph.users(growth.node.outputs[0])
        if isinstance(consumer.op, Conv | Pooling) and not isinstance(consumer.op, _READS_SLICES)
    )
    return together < apart


def _match_concat(graph: Graph, node: Node) -> BufferedConcat | None:
    return (
        (_match_split_concat(graph, node) or _match_plain_concat(node))
        if joins_channels(node) and leads_with_channels(node)
        else None
    )


def _match_plain_concat(node: Node) -> BufferedConcat:
    return BufferedConcat(node, node.inputs[0], node.inputs[1:])


def _match_split_concat(graph: Graph, node: Node) -> BufferedConcat | None:
    """Matches a concatenation that begins with all outputs of a split, in order, some of them added to another value."""
    origins = [_trace_split(graph, value, node) for value in node.inputs]
    first = origins[0]
    if first is None:
        return None
    split = first[0]
    heads = origins[: len(split.outputs)]
    if len(heads) < len(split.outputs) or not _splits_channels(split):
        return None
    added: list[tuple[int, Value]] = []
    sums: list[Node] = []
    starts = accumulate((value.shape.channels for value in split.outputs), initial=0)
    for index, (start, head) in enumerate(zip(starts, heads, strict=False)):
        if head is None or head[0] is not split or head[1] != index:
            return None
        if head[2] is not None:
            sums.append(head[2])
            added += [(start, value) for value in head[2].inputs if value != split.outputs[index]]
    return BufferedConcat(node, split.inputs[0], node.inputs[len(heads) :], tuple(added), (split, *sums))


Origin = tuple[Node, int, Node | None]
"""A split, the index of its output, and the sum of that output and another value, if there is one."""


def _trace_split(graph: Graph, value: Value, consumer: Node) -> Origin | None:
    """The split that an operand comes from, directly or through a sum, if there are no other consumers; else None."""
    node = graph.nodes[value.node]
    if graph.only_user(value) is not consumer or not isinstance(node, Node):
        return None
    if isinstance(node.op, Split):
        return node, value.index, None
    if not adds_equals(node) or len(node.inputs) != 2 or not leads_with_channels(node):
        return None
    for part in node.inputs:
        split = graph.nodes[part.node]
        if isinstance(split, Node) and isinstance(split.op, Split) and _is_only_consumer(graph, node, *node.inputs):
            return split, part.index, node
    return None


def _is_only_consumer(graph: Graph, consumer: Node, *values: Value) -> bool:
    return all(graph.only_user(value) is consumer for value in values)


def _splits_channels(split: Node) -> bool:
    return isinstance(split.op, Split) and split.op.along_channels(*split.input_shapes)


def _find_last_use(graph: Graph, value: Value, ends: Mapping[int, int], *, but: tuple[Node, ...]) -> int:
    """The id of the last node that needs a value unchanged, except those in `but`; the number of nodes if a view of it may exist.

    The outputs of a split that a concatenation extends are needed up to that concatenation, which `ends` has.
    """
    beyond = len(graph.nodes)
    consumers = [consumer for consumer in graph.users(value) if consumer not in but]
    last = max(
        (
            ends.get(consumer.id, consumer.id if isinstance(consumer.op, _CONSUMING) else beyond)
            for consumer in consumers
        ),
        default=-1,
    )
    return beyond if graph.is_output(value) else last
