"""Counts of small networks, beside numbers worked out by hand."""

from __future__ import annotations

from archspec.analysis.counts import Cost, Counts, buffers, counts, depth, macs, params, scope_costs
from archspec.graph import NOWHERE, Graph
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Multiply
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.pool import GlobalPool
from archspec.shape import Shape


def small() -> Graph:
    """conv 3→4 of 3×3 with bias on 8×8, batchnorm, then a stage of one 1×1 conv used twice, then a classifier of 10."""
    graph = Graph("small")
    value = graph.input("input", Shape.of(3, 8, 8))
    (value,) = graph.add(Conv(out=4, kernel=3, padding=1), (value,), ("conv",))
    (value,) = graph.add(BatchNorm(), (value,), ("bn",))
    stage = graph.open(("stage",), "twice", {}, NOWHERE, 0)
    for _ in range(2):
        turn = graph.open(("stage", "turn"), "", {}, NOWHERE, stage.id)
        (value,) = graph.add(Conv(out=4, bias=False), (value,), ("stage", "turn", "conv"), scope=turn.id)
        (value,) = graph.add(ReLU(), (value,), ("stage", "turn", "relu"), scope=turn.id)
    (value,) = graph.add(GlobalPool(), (value,), ("pool",))
    (graph.outputs["output"],) = graph.add(Linear(out=10), (value,), ("fc",))
    return graph


CONV, NORM, TWICE, HEAD = 3 * 4 * 9 + 4, 2 * 4, 4 * 4, 4 * 10 + 10


def test_shared_weights_count_once_and_their_work_each_time() -> None:
    graph = small()
    work = 64 * 3 * 4 * 9 + 2 * 64 * 16 + 40
    assert params(graph) == CONV + NORM + TWICE + HEAD == 186
    assert buffers(graph) == 4 + 4 + 1
    assert macs(graph) == work == 9_000
    assert depth(graph) == 4
    assert counts(graph) == Counts(186, 9, 9_000, 4)


def test_scopes_hold_the_sums_of_what_is_inside() -> None:
    network, stage, first, second = scope_costs(small())
    assert (network.params, network.macs) == (186, 9_000)
    assert stage == first + second
    assert first == Cost(params=16, buffers=0, macs=1_024, activations=2 * 4 * 64)
    assert second == Cost(params=0, buffers=0, macs=1_024, activations=2 * 4 * 64)


def test_nodes_without_a_name_share_nothing() -> None:
    graph = Graph("unnamed")
    value = graph.input("input", Shape.of(2))
    for _ in range(2):
        (value,) = graph.add(Linear(out=2), (value,))
    assert params(graph) == 2 * (4 + 2)


def test_depth_is_of_the_longest_way_that_reaches_an_output() -> None:
    graph = Graph("ways")
    start = graph.input("input", Shape.of(2))
    (one,) = graph.add(Linear(out=2), (start,), ("one",))
    (two,) = graph.add(Linear(out=2), (one,), ("two",))
    graph.add(Linear(out=2), (two,), ("unused",))
    (graph.outputs["output"],) = graph.add(Add(), (one, two, start))
    assert depth(graph) == 2


def test_depth_is_not_that_of_a_gate() -> None:
    graph = Graph("gated")
    start = graph.input("input", Shape.of(2))
    (gate,) = graph.add(Linear(out=2), (start,), ("fc1",))
    (gate,) = graph.add(Linear(out=2), (gate,), ("fc2",))
    (graph.outputs["output"],) = graph.add(Multiply(), (start, gate))
    assert depth(graph) == 0
