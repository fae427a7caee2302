"""The summary of a small hand-built network: rows, folding, totals and layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from archspec.analysis.counts import sum_region_costs
from archspec.ir.graph import UNKNOWN_SPAN, Graph, Value
from archspec.ir.shape import Shape
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat, Multiply
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.pool import GlobalPool
from archspec.ops.tensor import Split
from archspec.report.summary import summarise_network
from archspec.report.table import Row, Summary, render_summary
from tests.processes import run_python
from tests.work import count_lines

Golden = Callable[[str, str], None]


def unit(graph: Graph, value: Value, name: str, stage: int, stride: int = 1, **more: int) -> Value:
    """A residual unit of one conv; its skip connection is a conv if it has a stride."""
    path = (*graph.regions[stage].path, name)
    scope = graph.add_region(path, "unit", {"width": 8, "stride": stride, **more}, UNKNOWN_SPAN, stage).id
    conv = Conv(out=8, kernel=3, stride=stride, padding=1, bias=False)
    (branch,) = graph.add_node(conv, (value,), (*path, "conv"), region=scope)
    (branch,) = graph.add_node(BatchNorm(), (branch,), (*path, "bn"), region=scope)
    if stride > 1:
        inner = graph.add_region((*path, "downsample"), "", {}, UNKNOWN_SPAN, scope).id
        (value,) = graph.add_node(
            Conv(out=8, stride=stride, bias=False), (value,), (*path, "downsample", "0"), region=inner
        )
    (value,) = graph.add_node(Add(), (branch, value), region=scope)
    (value,) = graph.add_node(ReLU(), (value,), (*path, "relu"), region=scope)
    return value


def network() -> Graph:
    graph = Graph("small")
    value = graph.add_input("input", Shape.of(3, 16, 16))
    (value,) = graph.add_node(Conv(out=4, kernel=3, padding=1), (value,), ("conv",))
    stage = graph.add_region(("layer1",), "stage", {"depth": 4, "unit": object()}, UNKNOWN_SPAN, 0).id
    for turn in range(4):
        value = unit(graph, value, str(turn), stage, stride=1 if turn else 2)
    parts = graph.add_node(Split(sizes=(4, 4)), (value,), ("parts",))
    tied = []
    for part in (*parts, parts[0]):
        scope = graph.add_region(("tied",), "head", {}, UNKNOWN_SPAN, 0).id
        (made,) = graph.add_node(Conv(out=4), (part,), ("tied", "conv"), region=scope)
        (made,) = graph.add_node(ReLU(), (made,), ("tied", "relu"), region=scope)
        tied.append(made)
    (value,) = graph.add_node(Concat(), tuple(tied), ("joined",))
    (gate,) = graph.add_node(GlobalPool(), (value,), ("gate",))
    (value,) = graph.add_node(Multiply(), (value, gate))
    (value,) = graph.add_node(GlobalPool(), (value,), ("pool",))
    graph.add_output("output", *graph.add_node(Linear(out=10), (value,), ("fc",)))
    return graph


def row(summary: Summary, name: str) -> Row:
    return next(row for row in summary.rows if row.name == name)


@pytest.mark.parametrize("depth", [None, 1, 2])
def test_table(golden: Golden, depth: int | None) -> None:
    golden(f"small-{depth or 'all'}.txt", render_summary(summarise_network(network(), depth)))


def test_narrow_table(golden: Golden) -> None:
    text = render_summary(summarise_network(network()), width=72)
    golden("small-narrow.txt", text)
    assert max(map(len, text.splitlines())) <= 72


def test_json(golden: Golden) -> None:
    golden("small.json", json.dumps(summarise_network(network()).as_dict(), indent=1) + "\n")


def test_totals() -> None:
    summary = summarise_network(network())
    first, others = 4 * 8 * 9 + 16 + 4 * 8, 8 * 8 * 9 + 16
    assert summary.params == (3 * 4 * 9 + 4) + first + 3 * others + (16 + 4) + (120 + 10)
    assert summary.macs == 256 * 108 + 64 * (288 + 32) + 3 * 64 * 576 + 3 * 64 * 16 + 120
    assert summary.flops == 2 * summary.macs
    assert summary.depth == 1 + 4 + 1 + 1
    assert summary.memory.params == 4 * summary.params


def test_equal_neighbours_are_one_row() -> None:
    folded = row(summarise_network(network()), "layer1.1")
    assert (folded.last, folded.label, folded.times) == ("layer1.3", "1 … 3", 3)
    assert folded.params == 8 * 8 * 9 + 16
    assert row(summarise_network(network()), "layer1.0").times == 1


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        ("0", "11", "0 … 11"),
        ("layer_8", "layer_10", "layer_8 … 10"),
        ("left", "right", "left … right"),
        ("a1", "b2", "a1 … b2"),
    ],
)
def test_the_names_of_a_run(first: str, last: str, label: str) -> None:
    graph = Graph("run")
    value = graph.add_input("input", Shape.of(8))
    for name in (first, "between", last):
        (value,) = graph.add_node(ReLU(), (value,), (name,))
    assert summarise_network(graph).rows[1].label == label


def test_a_cut_name_keeps_how_often_it_stands() -> None:
    graph = Graph("cut")
    value = graph.add_input("input", Shape.of(8))
    for turn in range(12):
        (value,) = graph.add_node(ReLU(), (value,), (f"{'long_' * 20}{turn}",))
    assert "long_long_lo… ×12  relu" in render_summary(summarise_network(graph), 71)


def test_different_arguments_or_shapes_are_not_folded() -> None:
    graph = Graph("unlike")
    value = graph.add_input("input", Shape.of(8, 16, 16))
    stage = graph.add_region(("stage",), "stage", {}, UNKNOWN_SPAN, 0).id
    for turn in range(3):
        value = unit(graph, value, str(turn), stage, survival=turn)
    graph.add_output("output", value)
    assert [row.times for row in summarise_network(graph, 2).rows] == [1, 1, 1, 1, 1]


def test_shared_weights_count_once_and_are_marked() -> None:
    first, others = (row for row in summarise_network(network(), 1).rows if row.name == "tied")
    assert (first.params, first.reuses_weights, first.times) == (20, False, 1)
    assert (others.params, others.reuses_weights, others.times) == (0, True, 2)
    assert first.macs == others.macs == 64 * 16


@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_rows_add_up_to_the_totals_at_every_depth(depth: int | None) -> None:
    summary = summarise_network(network(), depth)
    tops = [row for row in summary.rows if row.level == 0]
    assert sum(row.times * row.params for row in tops) == summary.params
    assert sum(row.times * row.macs for row in tops) == summary.macs
    assert sum(row.times * row.buffers for row in tops) == summary.buffers
    assert max(row.level for row in summary.rows) == min(3, (depth or 9) - 1)


def test_a_scope_row_is_the_sum_of_its_scope() -> None:
    graph = network()
    costs = {".".join(scope.path): cost for scope, cost in zip(graph.regions, sum_region_costs(graph), strict=True)}
    found = row(summarise_network(graph), "layer1")
    assert (found.params, found.macs, found.acts, found.memory) == (
        costs["layer1"].params,
        costs["layer1"].macs,
        costs["layer1"].acts,
        costs["layer1"].memory,
    )


def test_a_scope_shows_what_leaves_it() -> None:
    graph = Graph("leaving")
    value = graph.add_input("input", Shape.of(8))
    scope = graph.add_region(("halves",), "", {}, UNKNOWN_SPAN, 0).id
    left, right = graph.add_node(Split(sizes=(3, 5)), (value,), region=scope)
    graph.add_node(ReLU(), (left,), region=scope)
    graph.outputs = {"right": right, "left": left}
    assert row(summarise_network(graph), "halves").output == ((5,), (3,))


def deep_and_long(size: int) -> Graph:
    """As many nested regions as consecutive units."""
    graph = Graph("long")
    value = graph.add_input("input", Shape.of(8, 16, 16))
    scope = 0
    for level in range(size):
        scope = graph.add_region((*graph.regions[scope].path, f"s{level}"), "", {}, UNKNOWN_SPAN, scope).id
    for turn in range(size):
        value = unit(graph, value, str(turn), 0)
    graph.add_output("output", *graph.add_node(ReLU(), (value,), region=scope))
    return graph


def summary(graph: Graph) -> str:
    return render_summary(summarise_network(graph))


def test_deep_scopes_and_long_chains_cost_little() -> None:
    assert "0 … 1999 ×2000" in summary(deep_and_long(2000))
    single, double = (count_lines(partial(summary, deep_and_long(size))) for size in (50, 100))
    assert double < 2.5 * single


def test_torch_stays_out() -> None:
    program = "import sys, archspec.report.table; sys.exit('torch' in sys.modules)"
    assert run_python("-c", program).returncode == 0
