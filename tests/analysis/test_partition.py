"""Partitions: crossing values, the least bottleneck, and the choice among the best partitions."""

from __future__ import annotations

from itertools import accumulate, combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archspec
from archspec.analysis.balance import choose_cuts, find_bottleneck
from archspec.analysis.cost_model import CostError, distribute_costs, model_work
from archspec.analysis.liveness import LiveRanges, find_cut_points
from archspec.analysis.partition import CutError, partition_network
from archspec.ir.graph import Node, Value
from archspec.ir.parts import UnknownPartError
from archspec.ir.uses import ComputedUses
from tests.sample import sampled

BUNDLED = ("resnet18", "densenet121", "unet", "inception_v3", "fractalnet20", "googlenet_aux", "lstm", "mobilenet_v2")
TIED = """\
name: tied
input: [4]
stages:
  first: {linear: 4}
  middle: {repeat: {times: 2, share: true, layers: [linear: 4, relu]}}
  last: {linear: 2}
"""


def sums_of(pieces: list[int]) -> list[float]:
    return list(accumulate(pieces, initial=0))


def ways(sums: list[float], groups: int) -> list[tuple[float, tuple[int, ...]]]:
    """Each partition: its largest group, and its cuts."""
    found = []
    for inner in combinations(range(1, len(sums) - 1), groups - 1):
        ends = (0, *inner, len(sums) - 1)
        found.append((max(sums[end] - sums[start] for start, end in pairwise(ends)), inner))
    return found


@st.composite
def loads(draw: st.DrawFn) -> tuple[list[float], list[int], int]:
    pieces = draw(st.lists(st.integers(0, 60), min_size=1, max_size=9))
    prices = draw(st.lists(st.integers(0, 9), min_size=len(pieces) - 1, max_size=len(pieces) - 1))
    return sums_of(pieces), prices, draw(st.integers(1, len(pieces)))


@given(loads())
def test_the_largest_group_is_the_least_possible(load: tuple[list[float], list[int], int]) -> None:
    sums, _, groups = load
    assert find_bottleneck(sums, groups) == min(largest for largest, _ in ways(sums, groups))


@given(loads())
def test_among_balanced_ways_the_cheapest_is_taken(load: tuple[list[float], list[int], int]) -> None:
    sums, prices, groups = load
    best = min(largest for largest, _ in ways(sums, groups))
    near = [inner for largest, inner in ways(sums, groups) if 20 * largest <= 21 * best]
    chosen = choose_cuts(sums, prices, groups)
    assert tuple(at + 1 for at in chosen) in near
    assert sum(prices[at] for at in chosen) == min(sum(prices[at - 1] for at in inner) for inner in near)


def slow_crossing(arch: archspec.Architecture, node: int) -> set[Value]:
    """The values with a producer before a node and a consumer from it on, found by checking every edge."""
    graph = arch.graph
    same = graph.derive(ComputedUses).alias_of
    inputs = set(graph.inputs.values())
    read = {same[value] for one in graph.ops if one.id >= node and one.id in computing(arch) for value in one.inputs}
    read |= {same[value] for value in graph.outputs.values()}
    return {value for value in read if value.node < node or value in inputs}


def computing(arch: archspec.Architecture) -> set[int]:
    silent = {"identity", "bundle"}
    return {
        node.id
        for node in arch.graph.ops
        if node.op.word not in silent
        and not (node.op.word in {"add", "concat", "mean", "max"} and len(node.inputs) == 1)
    }


@pytest.mark.parametrize("name", sampled(BUNDLED, {"unet", "lstm"}))
def test_what_crosses_is_counted_right(name: str) -> None:
    arch = archspec.load(name)
    lives = LiveRanges(arch.graph)
    for point in find_cut_points(arch.graph)[::7]:
        crossing = lives.live_before(point.node)
        assert {one.value for one in crossing} == slow_crossing(arch, point.node)
        assert point.values == len(crossing) > 0
        assert point.bytes == sum(one.bytes for one in crossing)
        assert len({one.name for one in crossing}) == len(crossing)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_stages_hold_the_network_once(name: str, count: int) -> None:
    arch = archspec.load(name)
    stages = arch.pipeline(count).stages
    assert [stage.index for stage in stages] == list(range(count))
    assert [id for stage in stages for id in stage.nodes] == list(range(len(arch.graph.nodes)))
    assert sum(stage.params for stage in stages) == arch.params
    assert sum(stage.macs for stage in stages) == arch.macs
    assert sum(stage.share for stage in stages) == pytest.approx(1)
    assert all(before.sends == after.receives for before, after in pairwise(stages))
    assert {one.name: one.sizes for one in stages[0].receives} == arch.input_shapes
    assert {one.name: one.sizes for one in stages[-1].sends} == arch.output_shapes


@pytest.mark.parametrize("name", BUNDLED)
def test_no_cut_is_through_anything_but_balance_is_near_the_best(name: str) -> None:
    """The fewest values cross for which the largest stage is at most 6/5 · 21/20 of the best."""
    arch = archspec.load(name)
    points = find_cut_points(arch.graph)
    work = sums_of(model_work(arch.graph))
    best = find_bottleneck([0, *(work[point.node] for point in points), work[-1]], 3)
    stages = arch.pipeline(3).stages
    assert max(stage.cost for stage in stages) <= best * 6 / 5 * 21 / 20
    fewest = max(len(stage.sends) for stage in stages[:-1])
    narrow = [point for point in points if point.values < fewest]
    if len(narrow) >= 2:
        assert find_bottleneck([0, *(work[point.node] for point in narrow), work[-1]], 3) > best * 6 / 5


def test_cuts_are_between_blocks_where_these_are_narrowest() -> None:
    stages = archspec.load("resnet50").pipeline(4).stages
    assert [[one.sizes for one in stage.sends] for stage in stages[:-1]] == [
        [(256, 56, 56)],
        [(512, 28, 28)],
        [(1024, 14, 14)],
    ]
    assert stages[1].parts == ("layer2",)
    assert stages[2].parts == ("layer3.0", "layer3.1", "layer3.2", "layer3.3", "layer3.4")


def test_skips_of_a_unet_cross_side_by_side() -> None:
    first, second = archspec.load("unet").pipeline(2).stages
    assert [one.name for one in first.sends] == ["down1.3", "down2.3", "down3.3", "concat in up4"]
    assert second.receives[0].sizes == (64, 568, 568)
    assert second.receives[0].bytes == 64 * 568 * 568 * 4


def test_a_value_that_is_only_handed_on_crosses_every_cut() -> None:
    """The first auxiliary output of googlenet leaves the network at its end."""
    stages = archspec.load("googlenet_aux").pipeline(8).stages
    holders = [stage.index for stage in stages if any(one.name == "aux1.fc2" for one in stage.sends)]
    assert holders == list(range(holders[0], 7))


def test_the_crossing_of_a_caller_counts() -> None:
    arch = archspec.load("unet")
    assert all(len(stage.sends) == 1 for stage in arch.pipeline(2, crossing=1).stages)
    with pytest.raises(CutError, match=r"unet can be cut into \d+ stages at most where at most 0 values cross, got 2"):
        arch.pipeline(2, crossing=0)


def test_as_many_stages_as_there_are_cut_points() -> None:
    arch = archspec.load("name: chain\ninput: [4]\nstages: {a: {linear: 4}, b: relu, c: identity, d: {linear: 2}}\n")
    assert len(arch.pipeline(3).stages) == 3
    with pytest.raises(CutError) as error:
        arch.pipeline(4)
    assert str(error.value) == "chain can be cut into 3 stages at most, got 4"
    with pytest.raises(CutError, match="one stage or more, got 0"):
        arch.pipeline(0)


def test_weights_that_are_shared_stay_in_one_stage() -> None:
    arch = archspec.load(TIED)
    assert [stage.parts for stage in arch.pipeline(3).stages][1][0] == "middle.0"
    for point in find_cut_points(arch.graph):
        ids = [node.id for node in arch.graph.ops if node.weights and node.path[0] == "middle"]
        assert not ids[0] < point.node <= ids[-1]
    with pytest.raises(
        CutError, match="tied can be cut into 4 stages at most, got 5; layers that share weights stay in one stage"
    ):
        arch.pipeline(5)


def test_work_is_what_takes_longest() -> None:
    arch = archspec.load("name: a\ninput: [4, 8, 8]\nstages: {conv: {conv: {out: 64, kernel: 3}}, relu: relu}\n")
    conv, relu = (node for node in arch.graph.nodes if isinstance(node, Node))
    work = model_work(arch.graph)
    assert work[conv.id] == arch.macs == 36 * 9 * 4 * 64
    assert work[relu.id] == 4 * 4 * (2 * 64 * 6 * 6)


def test_given_costs_move_the_cut() -> None:
    arch = archspec.load("resnet18")
    seconds = {"conv1": 5.0, "layer1": 1.0, "layer2": 1.0, "layer3": 1.0, "layer4": 1.0, "fc": 1.0}
    first, second = arch.pipeline(2, costs=seconds).stages
    assert first.cost + second.cost == pytest.approx(10)
    assert first.parts[:1] == ("conv1",)
    assert second.cost == pytest.approx(5)
    assert sum(distribute_costs(arch.graph, {"layer1.0": 3.0})) == pytest.approx(3)


def test_costs_that_are_none() -> None:
    arch = archspec.load("resnet18")
    with pytest.raises(UnknownPartError, match="layer9"):
        arch.pipeline(2, costs={"layer9": 1.0})
    with pytest.raises(CostError, match=r"layer1\.0 and layer1 have costs, and one is in the other"):
        arch.pipeline(2, costs={"layer1": 1.0, "layer1.0": 1.0})
    with pytest.raises(CostError, match="the cost of fc is nan"):
        arch.pipeline(2, costs={"fc": float("nan")})
    with pytest.raises(CostError, match="given or measured"):
        arch.pipeline(2, costs={"fc": 1.0}, measure="cpu")


def test_the_pipeline_as_data() -> None:
    found = archspec.load("resnet18").pipeline(2)
    data = found.as_dict()
    assert (data["name"], data["unit"]) == ("resnet18", "MACs")
    assert 0.5 < found.balance <= 1
    assert partition_network(found.graph, 2, model_work(found.graph)) == found.stages
