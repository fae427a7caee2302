"""Counts routes through a list of nodes, some of which stand for whole blocks that were traced before.

What `archspec.ir.signal_flow` does for one graph is done here once for each distinct block: a block answers, for the channel ranges
at its inputs, how many routes lead to which channel ranges of its outputs, and how long they are. Answers are composed instead of
being traced again. Counts and sums of lengths multiply and add; the least and greatest lengths add.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from archspec.ir.shape import Shape
from archspec.ops.base import Op


class Amount(NamedTuple):
    """Some routes: how many, the sum of their lengths, and the least and the greatest of them."""

    number: int
    total: int
    low: int
    high: int

    def merge(self, other: Amount) -> Amount:
        """Both sets of routes."""
        return Amount(
            self.number + other.number,
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    def follow(self, next: Amount) -> Amount:
        """Each of these routes continued by each of the next."""
        return Amount(
            self.number * next.number,
            self.total * next.number + self.number * next.total,
            self.low + next.low,
            self.high + next.high,
        )

    def extend(self, length: int) -> Amount:
        """These routes, each longer by a length."""
        return Amount(self.number, self.total + length * self.number, self.low + length, self.high + length)


ONE = Amount(1, 0, 0, 0)


class Routes(NamedTuple):
    """The routes from one origin to one channel range, with lengths in weighted layers and in residual branches."""

    layers: Amount
    modules: Amount


Origin = tuple[int, int, int]
"""An operand of the block, and the bounds of a channel range of it."""
Reached = dict[range, dict[Origin, Routes]]
"""The routes to one value, by the channel range that they reach and by their origin."""
Profile = tuple[tuple[int, int, int, int], ...]
"""For each origin its operand, the bounds of its range, and its distance from the nearest origin in weighted layers."""
Source = tuple[int, int]
"""A node of the block by its position, or -1 for the inputs of the block; and the position of an output or of an input."""


class Answer(NamedTuple):
    """The routes from one origin to one channel range of one output of a block."""

    origin: Origin
    output: int
    reached: range
    routes: Routes


@dataclass(eq=False)
class BlockRoutes:
    """The nodes of one block with given arguments and input shapes, which answers for routes through it."""

    nodes: list[TracedNode] = field(default_factory=list)
    outputs: tuple[Source, ...] = ()
    structure: str = ""
    """The hash of its structure."""
    has_zeros: bool = False
    """Whether one of its nodes, or of the blocks inside it, is a constant zero."""
    answers: dict[Profile, list[Answer]] = field(default_factory=dict)
    zeros: dict[tuple[bool, ...], list[int]] = field(default_factory=dict)
    """The outputs that are zero, by which of the inputs are."""

    def answer(self, profile: Profile) -> list[Answer]:
        """How the routes from the origins of a profile go on to the outputs."""
        known = self.answers.get(profile)
        if known is None:
            known = self.answers[profile] = self._trace(profile)
        return known

    def _trace(self, profile: Profile) -> list[Answer]:
        offsets = {(operand, low, high): distance for operand, low, high, distance in profile}
        inputs: dict[int, Reached] = {}
        for operand, low, high in offsets:
            inputs.setdefault(operand, {})[range(low, high)] = {(operand, low, high): Routes(ONE, ONE)}
        reached = trace_nodes(self.nodes, inputs, offsets)
        return [
            Answer(origin, output, channels, routes)
            for output, (node, position) in enumerate(self.outputs)
            for channels, by_origin in (inputs.get(position, {}) if node < 0 else reached[node][position]).items()
            for origin, routes in by_origin.items()
        ]


@dataclass(frozen=True, eq=False, slots=True)
class TracedNode:
    """A node of a block: what routes need to know of it. With `block`, it stands for a use of that block."""

    sources: tuple[Source, ...]
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    op: Op | None = None
    block: BlockRoutes | None = None


def trace_nodes(
    nodes: Sequence[TracedNode], inputs: Mapping[int, Reached], offsets: Mapping[Origin, int]
) -> list[list[Reached]]:
    """The routes to each output of each node.

    Args:
        nodes: in topological order.
        inputs: the routes to the inputs of the block, by position.
        offsets: the distance of each origin from the nearest one, in weighted layers.
    """
    reached: list[list[Reached]] = []
    for node in nodes:
        offered = [inputs.get(position, {}) if id < 0 else reached[id][position] for id, position in node.sources]
        if node.block is not None:
            reached.append(_trace_block(node, node.block, offered, offsets))
        else:
            assert node.op is not None
            reached.append(_trace_op(node, node.op, offered, offsets))
    return reached


def find_distance(reached: Reached, offsets: Mapping[Origin, int]) -> int | None:
    """The fewest weighted layers on any route to a value; None if no route leads to it."""
    return min(
        (offsets[origin] + routes.layers.low for by_origin in reached.values() for origin, routes in by_origin.items()),
        default=None,
    )


def _trace_block(
    node: TracedNode, block: BlockRoutes, offered: Sequence[Reached], offsets: Mapping[Origin, int]
) -> list[Reached]:
    distances = [
        (
            operand,
            channels.start,
            channels.stop,
            min(offsets[origin] + routes.layers.low for origin, routes in by_origin.items()),
        )
        for operand, reached in enumerate(offered)
        for channels, by_origin in reached.items()
    ]
    result: list[Reached] = [{} for _ in node.output_shapes]
    if not distances:
        return result
    nearest = min(distance for *_, distance in distances)
    profile = tuple([(operand, low, high, distance - nearest) for operand, low, high, distance in distances])
    for (operand, low, high), output, channels, onward in block.answer(profile):
        for origin, routes in offered[operand][range(low, high)].items():
            _add_routes(
                result[output],
                channels,
                origin,
                Routes(routes.layers.follow(onward.layers), routes.modules.follow(onward.modules)),
            )
    return result


def _trace_op(node: TracedNode, op: Op, offered: Sequence[Reached], offsets: Mapping[Origin, int]) -> list[Reached]:
    count = len(node.sources)
    carried = [op.carries(operand, count) for operand in range(count)]
    longer = _find_longer_operands(offered, carried, offsets) if op.join and len(node.output_shapes) == 1 else ()
    result: list[Reached] = []
    for output in range(len(node.output_shapes)):
        arrived: Reached = {}
        for operand, reached in enumerate(offered):
            if not reached or not carried[operand]:
                continue
            for channels, by_origin in reached.items():
                to = op.routes(operand, channels, node.input_shapes, node.output_shapes, output)
                if not to:
                    continue
                for origin, routes in by_origin.items():
                    layers = routes.layers.extend(op.weighted) if op.weighted else routes.layers
                    modules = routes.modules.extend(1) if operand in longer else routes.modules
                    _add_routes(arrived, to, origin, Routes(layers, modules))
        result.append(arrived)
    return result


def _find_longer_operands(
    offered: Sequence[Reached], carried: Sequence[bool], offsets: Mapping[Origin, int]
) -> Iterable[int]:
    """The operands of a join with more weighted layers before them than another one has."""
    distances = [
        find_distance(reached, offsets) if carried[operand] else None for operand, reached in enumerate(offered)
    ]
    nearest = min((distance for distance in distances if distance is not None), default=0)
    return {operand for operand, distance in enumerate(distances) if distance is not None and distance > nearest}


def _add_routes(arrived: Reached, channels: range, origin: Origin, routes: Routes) -> None:
    by_origin = arrived.setdefault(channels, {})
    known = by_origin.get(origin)
    by_origin[origin] = (
        routes if known is None else Routes(known.layers.merge(routes.layers), known.modules.merge(routes.modules))
    )
