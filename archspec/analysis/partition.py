"""Partitions a network into consecutive stages of about equal work."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from archspec.analysis.balance import choose_cuts, find_bottleneck
from archspec.analysis.counts import iter_owned_weights
from archspec.analysis.liveness import Crossing, CutPoint, LiveRanges, find_cut_points, find_weight_ranges
from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Node, computes

NEAR = 6, 5
"""The largest stage may cost a fifth more than at best, so that fewer values cross."""


class CutError(ArchspecError, ValueError):
    """Raised if a network cannot be cut into that many stages.

    >>> import archspec
    >>> archspec.load("lstm").pipeline(stages=100)
    Traceback (most recent call last):
        ...
    archspec.analysis.partition.CutError: lstm can be cut into 13 stages at most, got 100; layers that share weights stay in one stage
    """


@dataclass(frozen=True, slots=True)
class PartitionStage:
    """The nodes of a network between two cuts.

    A stage exchanges values only with its neighbours: it receives every value of earlier stages that it or a later stage needs, and
    sends every value that a later stage needs. The first stage receives the inputs of the network, the last returns its outputs.

    >>> import archspec
    >>> stage = archspec.load("resnet50").pipeline(stages=4).stages[1]
    >>> stage.parts, [value.sizes for value in stage.sends]
    (('layer2',), [(512, 28, 28)])
    """

    index: int
    nodes: range
    parts: tuple[str, ...]
    """The outermost regions that are entirely in it, and the modules outside these."""
    cost: float
    share: float
    """Its share of the cost of the network."""
    params: int
    macs: int
    receives: tuple[Crossing, ...]
    sends: tuple[Crossing, ...]

    def as_dict(self) -> dict[str, object]:
        counts = {"cost": self.cost, "share": self.share, "params": self.params, "macs": self.macs}
        receives, sends = ([crossing.as_dict() for crossing in values] for values in (self.receives, self.sends))
        return {"stage": self.index, "parts": list(self.parts), **counts, "receives": receives, "sends": sends}


def partition_network(
    graph: Graph, stages: int, costs: Sequence[float], *, crossing: int | None = None
) -> tuple[PartitionStage, ...]:
    """Cuts a network into consecutive stages and minimises the cost of the costliest.

    No weight is used on both sides of a cut. Among all partitions whose costliest stage is within a twentieth of the least, the
    result sends the fewest bytes, and of these cuts through the fewest regions.

    Args:
        graph: the network.
        stages: the number of stages.
        costs: the cost of each node, by its id.
        crossing: the most values that may cross at a cut; if None, the least limit for which the costliest stage costs at most a
            fifth more than without a limit.

    Raises:
        CutError: there are not enough cut points.

    >>> import archspec
    >>> from archspec.analysis.cost_model import model_work
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> [stage.nodes for stage in partition_network(graph, 2, model_work(graph))]
    [range(0, 34), range(34, 73)]
    """
    if stages < 1:
        raise CutError(f"a network is cut into one stage or more, got {stages}")
    points = [point for point in find_cut_points(graph) if crossing is None or point.values <= crossing]
    if len(points) < stages - 1:
        raise CutError(_explain_too_many(graph, stages, len(points) + 1, crossing))
    work = list(accumulate(costs, initial=0))
    if crossing is None:
        points = _limit_crossings(points, work, stages)
    through = 1 + sum(point.regions for point in points)
    prices = [point.bytes * through + point.regions for point in points]
    chosen = choose_cuts(_cumulative_work(points, work), prices, stages)
    return tuple(_build_stages(graph, [0, *(points[index].node for index in chosen), len(graph.nodes)], work))


def _limit_crossings(points: list[CutPoint], work: list[float], stages: int) -> list[CutPoint]:
    """The cut points under the least limit on crossing values for which the costliest stage is within `NEAR` of the least possible."""
    over, under = NEAR
    best = find_bottleneck(_cumulative_work(points, work), stages)
    limits = sorted({point.values for point in points})

    def below(limit: int) -> list[CutPoint]:
        return [point for point in points if point.values <= limit]

    def enough(limit: int) -> bool:
        narrow = below(limit)
        return (
            len(narrow) >= stages - 1 and under * find_bottleneck(_cumulative_work(narrow, work), stages) <= over * best
        )

    return below(limits[bisect_left(limits, True, key=enough)]) if stages > 1 else []


def _cumulative_work(points: list[CutPoint], work: list[float]) -> list[float]:
    return [0, *(work[point.node] for point in points), work[-1]]


def _explain_too_many(graph: Graph, stages: int, most: int, crossing: int | None) -> str:
    narrow = "" if crossing is None else f" where at most {crossing} values cross"
    tied = any(first < last for first, last in find_weight_ranges(graph).values())
    why = "; layers that share weights stay in one stage" if tied else ""
    return f"{graph.name} can be cut into {most} stages at most{narrow}, got {stages}{why}"


def _build_stages(graph: Graph, ends: list[int], work: list[float]) -> Iterator[PartitionStage]:
    live_ranges = graph.derive(LiveRanges)
    held = [0] * len(graph.nodes)
    for node, weights in iter_owned_weights(graph):
        held[node.id] = sum(weight.numel for weight in weights if weight.trainable)
    inputs = tuple(Crossing(name, value) for name, value in graph.inputs.items())
    outputs = tuple(Crossing(name, value) for name, value in graph.outputs.items())
    passed = [inputs, *map(live_ranges.live_before, ends[1:-1]), outputs]
    spans = _find_region_spans(graph)
    for index, (start, stop) in enumerate(pairwise(ends)):
        nodes = [node for node in graph.nodes[start:stop] if isinstance(node, Node)]
        cost = work[stop] - work[start]
        yield PartitionStage(
            index,
            range(start, stop),
            tuple(
                dict.fromkeys(_name_part(graph, node, range(start, stop), spans) for node in nodes if computes(node))
            ),
            cost,
            cost / work[-1] if work[-1] else 0.0,
            sum(held[start:stop]),
            sum(node.macs for node in nodes),
            passed[index],
            passed[index + 1],
        )


def _find_region_spans(graph: Graph) -> list[range]:
    """The range of nodes of each region without no-ops at its ends."""
    return [_trim_noops(graph, nodes) for nodes in graph.region_tree.nodes]


def _trim_noops(graph: Graph, nodes: range) -> range:
    def is_computing(id: int) -> bool:
        return computes(graph.nodes[id])

    first = next(filter(is_computing, nodes), nodes.stop)
    return range(first, next(filter(is_computing, reversed(range(first, nodes.stop))), first - 1) + 1)


def _name_part(graph: Graph, node: Node, inside: range, spans: list[range]) -> str:
    """The name of the outermost region around a node that is entirely inside a stage, or else of the node's module or op."""
    for region in graph.enclosing_regions(node.region)[1:]:
        span = spans[region.id]
        if span.start in inside and span[-1] in inside:
            return ".".join(region.path)
    return node.name or node.op.word
