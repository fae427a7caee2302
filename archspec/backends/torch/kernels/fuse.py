"""Convolutions with the sum and the ReLU after them as one kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from archspec.backends.torch.kernels.ops import FusedConv
from archspec.graph import Graph, Node, Value
from archspec.ops.activation import Clamp, ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.ops.linear import Linear
from archspec.ops.norm import ScaleShift
from archspec.ops.pool import Pooling
from archspec.passes.base import keep, rebuild
from archspec.passes.chains import Wiring, leads_with_channels

_FRESH = (Conv, Pooling, Add)
"""Ops whose result lies in memory of its own."""
_CONSUMING = (Conv, Linear, Pooling, Add, Concat, ScaleShift, Clamp)
"""Ops that need their operands only while they run: nothing of what they give lies in an operand's memory."""


@dataclass(frozen=True)
class Fusion:
    """A convolution and what follows it, each read by the next alone."""

    conv: Node
    add: Node | None
    relu: Node | None

    @property
    def end(self) -> Node:
        return self.relu or self.add or self.conv

    @property
    def inside(self) -> set[int]:
        """The nodes but for the last, in whose place the kernel stands."""
        return {node.id for node in (self.conv, self.add) if node is not None} - {self.end.id}


def fuse(graph: Graph) -> Graph:
    """The graph in which each convolution over 2 axes is a kernel together with the sum of two and the ReLU after it.

    A sum goes with the later one of its operands where both could take it along.
    """
    wiring = Wiring.of(graph)
    ends = {one.end.id: one for one in _fusions(wiring)}
    moved = {inner: one.end.id for one in ends.values() for inner in one.inside}
    met: dict[int, tuple[Value, ...]] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...] | None:
        met[node.id] = inputs  # of a sum what was made before: the other operand
        if node.id in moved:
            return None
        if node.id not in ends:
            return keep(new, node, inputs)
        one = ends[node.id]
        operands = met[one.conv.id] + (met[one.add.id] if one.add else ())
        op = FusedConv(**dict(one.conv.op), relu=one.relu is not None, overwrites=_overwrites(wiring, one, ends, moved))
        return new.add(op, operands, one.conv.path, scope=node.scope, span=one.conv.span, use=node.use)

    return rebuild(graph, change) if ends else graph


def _fusions(wiring: Wiring) -> list[Fusion]:
    """All fusions, the later convolutions first: they may take the sums."""
    taken: set[int] = set()
    found = []
    uses = Counter(node.path for node in wiring.graph.ops)  # those of one module cannot have kernels of their own
    for node in reversed(wiring.graph.nodes):
        if not isinstance(node, Node) or not _fits(node) or uses[node.path] > 1:
            continue
        add = _reader(wiring, node, Add)
        if add is not None and (len(add.inputs) != 2 or add.id in taken or not leads_with_channels(add)):
            add = None
        relu = _reader(wiring, add or node, ReLU)
        taken |= {add.id} if add else set()
        found.append(Fusion(node, add, relu))
    return found


def _fits(node: Node) -> bool:
    """Whether the kernel takes such a convolution: of one channel it computes garbage where the result is one place wide."""
    op, shape = node.op, node.inputs[0].shape
    if not isinstance(op, Conv) or shape.rank != 3 or not shape.batched:
        return False
    return op.padding_mode == "zeros" and shape.channels > 1 and bool(node.path)


def _reader(wiring: Wiring, node: Node, kind: type[Add | ReLU]) -> Node | None:
    reader = wiring.only_reader(node.outputs[0])
    return reader if reader is not None and isinstance(reader.op, kind) else None


def _overwrites(wiring: Wiring, one: Fusion, ends: Mapping[int, Fusion], moved: Mapping[int, int]) -> bool:
    """Whether the other operand of a sum has memory of its own, and is not read once the kernel has begun."""
    if one.add is None:
        return False
    (value,) = (value for value in one.add.inputs if value != one.conv.outputs[0])
    maker = wiring.graph.nodes[value.node]
    if value in wiring.outputs or not isinstance(maker, Node):
        return False
    others = [reader for reader in wiring.graph.users(value) if reader is not one.add]
    return (maker.id in ends or isinstance(maker.op, _FRESH)) and all(
        isinstance(reader.op, _CONSUMING) and moved.get(reader.id, reader.id) < one.end.id for reader in others
    )
