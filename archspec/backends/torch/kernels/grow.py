"""Concatenations that build on one another, as memory that each of them writes its part into: blocks without copies.

A dense block of L layers (Huang et al. 2017, arXiv:1608.06993) concatenates L times; copied each time, its first values are moved L
times. Written into one piece of memory with room for all, each is moved once. A dual path block (Chen et al. 2017,
arXiv:1707.01629, equation 8) also adds to the first of its channels: there, in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from archspec.backends.torch.kernels.ops import Grow
from archspec.graph import Graph, Node, Value
from archspec.ops.activation import Clamp
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.ops.norm import ScaleShift
from archspec.ops.pool import Pooling
from archspec.ops.tensor import Split
from archspec.passes.base import keep, rebuild
from archspec.passes.chains import Wiring, joins_channels, leads_with_channels

_CONSUMING = (Conv, Clamp, ScaleShift, Pooling, Concat)
"""Ops that need their operand only while they run: nothing of what they give lies in its memory."""


@dataclass(frozen=True)
class Growth:
    """A concatenation of a value, `added` to from some of its channels on, and of more `parts`."""

    node: Node
    base: Value
    parts: tuple[Value, ...]
    added: tuple[tuple[int, Value], ...] = ()
    inside: tuple[Node, ...] = ()
    """The nodes that it stands for beside its own: a split of the base, and sums of what came out of that."""

    def op(self, room: int | None) -> Grow:
        return Grow(room=room, starts=tuple(start for start, _ in self.added))


def grow(graph: Graph) -> Graph:
    """The graph in which each series of concatenations, of which one builds on the one before, has one piece of memory."""
    wiring = Wiring.of(graph)
    chosen = {growth.node.id: (growth, room) for chain in _chains(wiring) for growth, room in _with_room(chain)}
    inside = {node.id for growth, _ in chosen.values() for node in growth.inside}
    values: dict[Value, Value] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...] | None:
        values.update(zip((value for value in node.inputs if value not in gone), inputs, strict=True))
        if node.id in inside:
            gone.update(node.outputs)
            return None
        if node.id not in chosen:
            return keep(new, node, inputs)
        growth, room = chosen[node.id]
        operands = (growth.base, *(value for _, value in growth.added), *growth.parts)
        made = tuple(values[value] for value in operands)
        return new.add(growth.op(room), made, node.path, scope=node.scope, span=node.span, use=node.use)

    gone: set[Value] = set()
    return rebuild(graph, change) if chosen else graph


def _with_room(chain: list[Growth]) -> Iterator[tuple[Growth, int | None]]:
    """The growths of a series, the first with the room for all."""
    room = chain[-1].node.outputs[0].shape.channels
    return ((growth, None if at else room) for at, growth in enumerate(chain))


def _chains(wiring: Wiring) -> list[list[Growth]]:
    """Series of two or more: a concatenation continues the series whose last value it builds on, or else begins one."""
    growths = [growth for node in wiring.graph.ops if (growth := _growth(wiring, node)) is not None]
    ends = {inner.id: growth.node.id for growth in growths for inner in growth.inside}
    chains: dict[Value, list[Growth]] = {}
    earlier: dict[int, int] = {}
    for growth in growths:
        chain = chains.get(growth.base)
        if chain is not None and growth.added:
            needed = max(earlier[id(chain)], _last_read(wiring, growth.base, ends, but=growth.inside))
            if needed >= growth.node.id:
                growth = _whole(growth.node)
        chain = chains.pop(growth.base, [])
        read = _last_read(wiring, growth.base, ends, but=growth.inside) if chain else -1
        earlier[id(chain)] = max(earlier.get(id(chain), -1), read) if chain else -1
        chain.append(growth)
        chains[growth.node.outputs[0]] = chain
    return [chain for chain in chains.values() if len(chain) > 1]


def _growth(wiring: Wiring, node: Node) -> Growth | None:
    return (_resumed(wiring, node) or _whole(node)) if joins_channels(node) and leads_with_channels(node) else None


def _whole(node: Node) -> Growth:
    return Growth(node, node.inputs[0], node.inputs[1:])


def _resumed(wiring: Wiring, node: Node) -> Growth | None:
    """A concatenation that begins with all parts of a split, in order, some of them summed with another value."""
    found = [_origin(wiring, value, node) for value in node.inputs]
    first = found[0]
    if first is None:
        return None
    split = first[0]
    heads = found[: len(split.outputs)]
    if len(heads) < len(split.outputs) or not _along_channels(split):
        return None
    added: list[tuple[int, Value]] = []
    sums: list[Node] = []
    starts = accumulate((value.shape.channels for value in split.outputs), initial=0)
    for at, (start, head) in enumerate(zip(starts, heads, strict=False)):
        if head is None or head[0] is not split or head[1] != at:
            return None
        if head[2] is not None:
            sums.append(head[2])
            added += [(start, value) for value in head[2].inputs if value != split.outputs[at]]
    return Growth(node, split.inputs[0], node.inputs[len(heads) :], tuple(added), (split, *sums))


Origin = tuple[Node, int, Node | None]
"""A split, which of its outputs a value is, and the sum of that output and another value, if the value is one."""


def _origin(wiring: Wiring, value: Value, reader: Node) -> Origin | None:
    """Where an operand comes from, if nothing else reads it or what is behind it."""
    node = wiring.graph.nodes[value.node]
    if wiring.only_reader(value) is not reader or not isinstance(node, Node):
        return None
    if isinstance(node.op, Split):
        return node, value.index, None
    if not isinstance(node.op, Add) or len(node.inputs) != 2 or not leads_with_channels(node):
        return None
    for part in node.inputs:
        split = wiring.graph.nodes[part.node]
        if isinstance(split, Node) and isinstance(split.op, Split) and _read_by(wiring, node, *node.inputs):
            return split, part.index, node
    return None


def _read_by(wiring: Wiring, reader: Node, *values: Value) -> bool:
    return all(wiring.only_reader(value) is reader for value in values)


def _along_channels(split: Node) -> bool:
    return isinstance(split.op, Split) and split.op.along_channels(*split.input_shapes)


def _last_read(wiring: Wiring, value: Value, ends: Mapping[int, int], *, but: tuple[Node, ...]) -> int:
    """The number of the last node that needs a value as it is, `but` for some; of all nodes where something may lie in its memory.

    A split that a concatenation takes back is needed up to that: `ends` says which.
    """
    beyond = len(wiring.graph.nodes)
    found = [reader for reader in wiring.graph.users(value) if reader not in but]
    last = max((ends.get(one.id, one.id if isinstance(one.op, _CONSUMING) else beyond) for one in found), default=-1)
    return beyond if value in wiring.outputs else last
