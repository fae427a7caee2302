"""Bytes of small networks, compared with numbers computed by hand."""

from __future__ import annotations

from archspec.analysis.memory import Memory, count_kept_elements, count_peak_elements, estimate_memory
from archspec.ir.graph import Graph
from archspec.ir.shape import Shape
from archspec.ops.activation import ReLU
from archspec.ops.join import Add
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.tensor import Split


def chain(*widths: int) -> Graph:
    graph = Graph("chain")
    value = graph.add_input("input", Shape.of(widths[0]))
    for place, width in enumerate(widths[1:]):
        (value,) = graph.add_node(Linear(out=width), (value,), (f"fc{place}",))
    graph.add_output("output", value)
    return graph


def test_a_chain_holds_two_neighbours_at_the_worst_moment() -> None:
    graph = chain(2, 10, 30, 5)
    assert count_peak_elements(graph) == 10 + 30
    assert count_kept_elements(graph) == 2 + 10 + 30 + 5
    weights = 2 * 10 + 10 + 10 * 30 + 30 + 30 * 5 + 5
    assert estimate_memory(graph) == Memory(params=4 * weights, buffers=0, inference=4 * 40, training=4 * 47)
    assert estimate_memory(graph, item_size=2).inference == 2 * 40


def test_a_shortcut_is_held_until_it_is_added() -> None:
    graph = Graph("shortcut")
    start = graph.add_input("input", Shape.of(8))
    (wide,) = graph.add_node(Linear(out=100), (start,), ("wide",))
    (narrow,) = graph.add_node(Linear(out=8), (wide,), ("narrow",))
    graph.add_output("output", *graph.add_node(Add(), (narrow, start)))
    assert count_peak_elements(graph) == 8 + 100 + 8


def test_an_output_is_held_to_the_end() -> None:
    graph = chain(2, 10, 30, 5)
    graph.add_output("wide", graph.nodes[1].outputs[0])
    graph.add_output("early", graph.nodes[0].outputs[0])
    assert count_peak_elements(graph) == 2 + 10 + 30 + 5


def test_what_nobody_reads_is_not_kept() -> None:
    graph = Graph("half")
    kept, _ = graph.add_node(Split(sizes=(1, 7)), (graph.add_input("input", Shape.of(8)),))
    graph.add_output("output", *graph.add_node(ReLU(), (kept,)))
    assert count_kept_elements(graph) == 8 + 1 + 1
    assert count_peak_elements(graph) == 16


def test_running_statistics_are_buffers() -> None:
    graph = Graph("normalised")
    graph.add_output("output", *graph.add_node(BatchNorm(), (graph.add_input("input", Shape.of(3, 2, 2)),), ("bn",)))
    assert (estimate_memory(graph).params, estimate_memory(graph).buffers) == (4 * 6, 4 * 7)
