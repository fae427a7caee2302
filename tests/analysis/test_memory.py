"""Bytes of small networks, beside numbers worked out by hand."""

from __future__ import annotations

from archspec.analysis.memory import Memory, kept_elements, memory, peak_elements
from archspec.graph import Graph
from archspec.ops.activation import ReLU
from archspec.ops.join import Add
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.tensor import Split
from archspec.shape import Shape


def chain(*widths: int) -> Graph:
    graph = Graph("chain")
    value = graph.input("input", Shape.of(widths[0]))
    for place, width in enumerate(widths[1:]):
        (value,) = graph.add(Linear(out=width), (value,), (f"fc{place}",))
    graph.outputs["output"] = value
    return graph


def test_a_chain_holds_two_neighbours_at_the_worst_moment() -> None:
    graph = chain(2, 10, 30, 5)
    assert peak_elements(graph) == 10 + 30
    assert kept_elements(graph) == 2 + 10 + 30 + 5
    weights = 2 * 10 + 10 + 10 * 30 + 30 + 30 * 5 + 5
    assert memory(graph) == Memory(params=4 * weights, buffers=0, inference=4 * 40, training=4 * 47)
    assert memory(graph, item_size=2).inference == 2 * 40


def test_a_shortcut_is_held_until_it_is_added() -> None:
    graph = Graph("shortcut")
    start = graph.input("input", Shape.of(8))
    (wide,) = graph.add(Linear(out=100), (start,), ("wide",))
    (narrow,) = graph.add(Linear(out=8), (wide,), ("narrow",))
    (graph.outputs["output"],) = graph.add(Add(), (narrow, start))
    assert peak_elements(graph) == 8 + 100 + 8


def test_an_output_is_held_to_the_end() -> None:
    graph = chain(2, 10, 30, 5)
    graph.outputs["wide"] = graph.nodes[1].outputs[0]
    graph.outputs["early"] = graph.nodes[0].outputs[0]
    assert peak_elements(graph) == 2 + 10 + 30 + 5


def test_what_nobody_reads_is_not_kept() -> None:
    graph = Graph("half")
    kept, _ = graph.add(Split(sizes=(1, 7)), (graph.input("input", Shape.of(8)),))
    (graph.outputs["output"],) = graph.add(ReLU(), (kept,))
    assert kept_elements(graph) == 8 + 1 + 1
    assert peak_elements(graph) == 16


def test_running_statistics_are_buffers() -> None:
    graph = Graph("normalised")
    (graph.outputs["output"],) = graph.add(BatchNorm(), (graph.input("input", Shape.of(3, 2, 2)),), ("bn",))
    assert (memory(graph).params, memory(graph).buffers) == (4 * 6, 4 * 7)
