"""Counts the paths through each edge of a network exactly, by channel range."""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import add

from archspec import meter
from archspec.analysis.path_sums import PathSums
from archspec.ir.graph import Node, OperandRef, Value
from archspec.ir.signal_flow import PerChannelRange, list_signal_operands


def count_paths_through_edges(paths: PathSums) -> dict[OperandRef, int]:
    """The number of paths through each operand of each node; operands without any are left out.

    It is the number of paths that reach the operand times the number that go on from there, summed over channel ranges: a sweep forward counts
    the first, one backward the second.

    >>> import archspec
    >>> from archspec.analysis.paths import count_paths
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> through = count_paths_through_edges(count_paths(graph))
    >>> set(through.values()) == {512, 256}
    True
    """
    before = {value: routes for value, routes in paths.sweep(1, add) if routes}
    ended = Counter(paths.targets)
    onward: defaultdict[Value, PerChannelRange[int]] = defaultdict(dict)
    for value in ended.keys() & before.keys():
        onward[value] = dict.fromkeys(before[value], ended[value])
    through: dict[OperandRef, int] = {}
    for node in reversed(tuple(paths.graph.ops)):
        for operand in list_signal_operands(node, gates=paths.gates):
            value = node.inputs[operand]
            offered = before.get(value, {})
            if (node.id, operand) in paths.entries:
                whole = range(value.shape.channels)
                offered = {**offered, whole: offered.get(whole, 0) + 1}
            for channels, count in offered.items():
                if after := _count_onward(node, operand, channels, onward):
                    reached = onward[value]
                    reached[channels] = reached.get(channels, 0) + after
                    through[node.id, operand] = through.get((node.id, operand), 0) + count * after
    return through


def _count_onward(node: Node, operand: int, channels: range, onward: defaultdict[Value, PerChannelRange[int]]) -> int:
    """The number of paths that enter a node by the channels of an operand and go on to a target."""
    meter.charge_work("counting", 1 + len(node.outputs))
    ways = 0
    for value in node.outputs:
        if after := onward.get(value):
            to = node.op.routes(operand, channels, node.input_shapes, node.output_shapes, value.index)
            ways += after.get(to, 0) if to else 0
    return ways
