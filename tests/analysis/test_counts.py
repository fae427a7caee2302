"""Counts of small networks, compared with numbers computed by hand."""

from __future__ import annotations

from archspec.analysis.counts import (
    Cost,
    Counts,
    compute_counts,
    compute_depth,
    count_buffers,
    count_macs,
    count_params,
    sum_region_costs,
)
from archspec.ir.graph import UNKNOWN_SPAN, Graph
from archspec.ir.shape import Shape
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Multiply
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.pool import GlobalPool


def small() -> Graph:
    """conv 3→4 of 3×3 with bias on 8×8, batchnorm, then a stage of one 1×1 conv used twice, then a classifier of 10."""
    graph = Graph("small")
    value = graph.add_input("input", Shape.of(3, 8, 8))
    (value,) = graph.add_node(Conv(out=4, kernel=3, padding=1), (value,), ("conv",))
    (value,) = graph.add_node(BatchNorm(), (value,), ("bn",))
    stage = graph.add_region(("stage",), "twice", {}, UNKNOWN_SPAN, 0)
    for _ in range(2):
        turn = graph.add_region(("stage", "turn"), "", {}, UNKNOWN_SPAN, stage.id)
        (value,) = graph.add_node(Conv(out=4, bias=False), (value,), ("stage", "turn", "conv"), region=turn.id)
        (value,) = graph.add_node(ReLU(), (value,), ("stage", "turn", "relu"), region=turn.id)
    (value,) = graph.add_node(GlobalPool(), (value,), ("pool",))
    graph.add_output("output", *graph.add_node(Linear(out=10), (value,), ("fc",)))
    return graph


CONV, NORM, TWICE, HEAD = 3 * 4 * 9 + 4, 2 * 4, 4 * 4, 4 * 10 + 10


def test_shared_weights_count_once_and_their_work_each_time() -> None:
    graph = small()
    work = 64 * 3 * 4 * 9 + 2 * 64 * 16 + 40
    assert count_params(graph) == CONV + NORM + TWICE + HEAD == 186
    assert count_buffers(graph) == 4 + 4 + 1
    assert count_macs(graph) == work == 9_000
    assert compute_depth(graph) == 4
    assert compute_counts(graph) == Counts(186, 9, 9_000, 4)


def test_scopes_hold_the_sums_of_what_is_inside() -> None:
    network, stage, first, second = sum_region_costs(small())
    assert (network.params, network.macs) == (186, 9_000)
    assert stage == first + second
    assert first == Cost(params=16, buffers=0, macs=1_024, acts=4 * 64, memory=4 * 2 * 4 * 64)
    assert second == Cost(params=0, buffers=0, macs=1_024, acts=4 * 64, memory=4 * 2 * 4 * 64)


def test_nodes_without_a_name_share_nothing() -> None:
    graph = Graph("unnamed")
    value = graph.add_input("input", Shape.of(2))
    for _ in range(2):
        (value,) = graph.add_node(Linear(out=2), (value,))
    assert count_params(graph) == 2 * (4 + 2)


def test_depth_is_of_the_longest_way_that_reaches_an_output() -> None:
    graph = Graph("ways")
    start = graph.add_input("input", Shape.of(2))
    (one,) = graph.add_node(Linear(out=2), (start,), ("one",))
    (two,) = graph.add_node(Linear(out=2), (one,), ("two",))
    graph.add_node(Linear(out=2), (two,), ("unused",))
    graph.add_output("output", *graph.add_node(Add(), (one, two, start)))
    assert compute_depth(graph) == 2


def test_depth_is_not_that_of_a_gate() -> None:
    graph = Graph("gated")
    start = graph.add_input("input", Shape.of(2))
    (gate,) = graph.add_node(Linear(out=2), (start,), ("fc1",))
    (gate,) = graph.add_node(Linear(out=2), (gate,), ("fc2",))
    graph.add_output("output", *graph.add_node(Multiply(), (start, gate)))
    assert compute_depth(graph) == 0
