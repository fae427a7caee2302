"""Propagates amounts along all routes of the signal by channel range, for path counts, depth and distances."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import TypeVar

from archspec import meter
from archspec.ir.graph import Graph, Input, Node, Value

_ARRIVAL = 3  # units of work for one output of a node, besides those for channel ranges
_WIDE = 16  # operands and outputs that a split or a concatenation searches for one unit

Amount = TypeVar("Amount")
PerChannelRange = dict[range, Amount]
"""The merged amount of all routes to one value, by the channel range that they reach. Equal ranges are merged; none is split."""


def propagate_routes(
    graph: Graph,
    start: Amount,
    merge: Callable[[Amount, Amount], Amount],
    cost: Callable[[Node, int], int] | None = None,
    extend: Callable[[Amount, int], Amount] | None = None,
    *,
    gates: bool = False,
    sources: Collection[Value] | None = None,
    entries: Collection[tuple[int, int]] = (),
) -> Iterator[tuple[Node | Input, list[PerChannelRange[Amount]]]]:
    """Propagates all routes from `sources` (the inputs of the network by default) and yields, per node, the amounts at each output.

    Routes also start at `entries`, operands given by node and position, on all of their channels. The amount of a new route is
    `start`; entering a node by an operand whose `cost` is not 0 makes it `extend(amount, cost)`; `merge` combines routes that reach
    the same channel range of a value. With `gates`, operands that do not carry the signal are followed too. Only the amounts of
    values with later consumers are kept in memory. With `sources`, nodes before the first source or entry are left out.
    """
    starts = {(value.node, value.index) for value in (graph.inputs.values() if sources is None else sources)}
    started = {node for node, _ in starts}
    first = 0 if sources is None else min((*started, *(node for node, _ in entries)), default=0)
    unread: dict[int, int] = {}
    live: dict[int, list[PerChannelRange[Amount]]] = {}
    for node in islice(graph.nodes, first, None):
        offered = [live[value.node][value.index] if value.node in live else {} for value in node.inputs]
        for operand, value in enumerate(node.inputs if entries else ()):
            if (node.id, operand) in entries:
                offered[operand] = _start_route(offered[operand], range(value.shape.channels), start, merge)
        reached = [
            _propagate_through_node(node, index, offered, merge, cost, extend, gates) if isinstance(node, Node) else {}
            for index in range(len(node.outputs))
        ]
        if node.id in started:
            for value in node.outputs:
                if (node.id, value.index) in starts:
                    reached[value.index] = {range(value.shape.channels): start}
        yield node, reached
        live[node.id], unread[node.id] = reached, sum(len(value.users) for value in node.outputs)
        for value in node.inputs:
            if value.node in live:
                unread[value.node] -= 1
                if not unread[value.node]:
                    del live[value.node]


def _start_route(
    reached: PerChannelRange[Amount], channels: range, start: Amount, merge: Callable[[Amount, Amount], Amount]
) -> PerChannelRange[Amount]:
    """The amounts at a value with one more route that starts there."""
    return {**reached, channels: merge(reached[channels], start) if channels in reached else start}


def _propagate_through_node(
    node: Node,
    output: int,
    offered: list[PerChannelRange[Amount]],
    merge: Callable[[Amount, Amount], Amount],
    cost: Callable[[Node, int], int] | None,
    extend: Callable[[Amount, int], Amount] | None,
    gates: bool,
) -> PerChannelRange[Amount]:
    width = 0 if node.op.elementwise else len(node.inputs) + len(node.outputs)
    meter.charge_work("counting", _ARRIVAL + sum(map(len, offered)) * (1 + width // _WIDE))
    op, inputs, outputs = node.op, node.input_shapes, node.output_shapes
    arrived: PerChannelRange[Amount] = {}
    for operand, reached in enumerate(offered):
        if not reached or not (gates or op.carries(operand, len(inputs))):
            continue
        paid = cost(node, operand) if cost else 0
        for channels, amount in reached.items():
            to = op.routes(operand, channels, inputs, outputs, output)
            if not to:
                continue
            longer = extend(amount, paid) if paid and extend else amount
            arrived[to] = merge(arrived[to], longer) if to in arrived else longer
    return arrived


def list_signal_operands(node: Node | Input, *, gates: bool = False) -> list[int]:
    """The positions of the operands by which the signal enters a node; with `gates`, of all operands."""
    return [operand for operand in range(len(node.inputs)) if carries_signal(node, operand, gates=gates)]


def carries_signal(node: Node | Input, operand: int, *, gates: bool = False) -> bool:
    """Whether the signal enters a node by an operand; with `gates`, it does by each."""
    return isinstance(node, Node) and (gates or node.op.carries(operand, len(node.inputs)))


def count_weighted_layers(node: Node, _operand: int) -> int:
    """The weighted layers that a route passes in a node: the `cost` of lengths in layers."""
    return node.op.weighted


def find_shortest_distances(graph: Graph, *, gates: bool = False) -> list[tuple[int | None, ...]]:
    """For each output of each node, the fewest weighted layers on any route from an input to it; None if there is no route."""
    return [
        tuple(min(routes.values(), default=None) for routes in reached)
        for _, reached in propagate_routes(graph, 0, min, count_weighted_layers, int.__add__, gates=gates)
    ]


def find_residual_operands(graph: Graph, *, gates: bool = False) -> dict[int, tuple[bool, ...]]:
    """For each join, by node id: which of its operands are on longer routes than necessary.

    Those are the operands with more weighted layers before them than another operand has, as the residual branch of a unit beside
    its skip connection (Veit et al. 2016, arXiv:1605.06431). An operand that no route reaches is not marked, nor, without `gates`,
    is one that does not carry the signal.
    """
    behind = find_shortest_distances(graph, gates=gates)
    return {node.id: _mark_residual_operands(node, behind, gates) for node in graph.ops if is_join(node)}


def is_join(node: Node) -> bool:
    """Whether routes meet in a node; a bundle does not merge its operands."""
    return node.op.join and len(node.outputs) == 1


def _mark_residual_operands(node: Node, behind: list[tuple[int | None, ...]], gates: bool) -> tuple[bool, ...]:
    ways = [
        behind[value.node][value.index] if carries_signal(node, operand, gates=gates) else None
        for operand, value in enumerate(node.inputs)
    ]
    nearest = min((way for way in ways if way is not None), default=0)
    return tuple(way is not None and way > nearest for way in ways)
