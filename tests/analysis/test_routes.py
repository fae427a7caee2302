"""Shortest distances and residual operands, which path lengths are based on."""

from __future__ import annotations

from archspec.ir.graph import Graph
from archspec.ir.shape import Shape
from archspec.ir.signal_flow import find_residual_operands, find_shortest_distances
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Bundle, Concat, Multiply
from archspec.ops.tensor import Split


def test_a_distance_is_that_of_the_nearest_way() -> None:
    graph = Graph("ways")
    start = graph.add_input("input", Shape.of(4, 2, 2))
    (once,) = graph.add_node(Conv(out=4), (start,))
    (twice,) = graph.add_node(Conv(out=4), (once,))
    (met,) = graph.add_node(Add(), (twice, once))
    assert find_shortest_distances(graph) == [(0,), (1,), (2,), (1,)]
    assert find_residual_operands(graph) == {met.node: (True, False)}


def test_equal_ways_are_no_detours() -> None:
    graph = Graph("twins")
    start = graph.add_input("input", Shape.of(4, 2, 2))
    ways = tuple(graph.add_node(Conv(out=4), (start,))[0] for _ in range(3))
    graph.add_node(Add(), ways)
    assert find_residual_operands(graph) == {4: (False, False, False)}


def test_a_part_is_as_far_as_what_it_holds() -> None:
    graph = Graph("parts")
    start = graph.add_input("input", Shape.of(4, 2, 2))
    (far,) = graph.add_node(Conv(out=4), (start,))
    (both,) = graph.add_node(Concat(), (start, far))
    graph.add_node(Split(sizes=(4, 4)), (both,))
    assert find_shortest_distances(graph)[-2:] == [(0,), (0, 1)]


def test_gates_are_no_operands_unless_asked() -> None:
    graph = Graph("gated")
    start = graph.add_input("input", Shape.of(4, 2, 2))
    (far,) = graph.add_node(Conv(out=4), (start,))
    graph.add_node(Multiply(), (far, start))
    assert find_residual_operands(graph) == {2: (False, False)}
    assert find_residual_operands(graph, gates=True) == {2: (True, False)}
    assert find_shortest_distances(graph)[-1] == (1,)
    assert find_shortest_distances(graph, gates=True)[-1] == (0,)


def test_a_bundle_is_no_meeting() -> None:
    graph = Graph("bundle")
    start = graph.add_input("input", Shape.of(4, 2, 2))
    (far,) = graph.add_node(Conv(out=4), (start,))
    graph.add_node(Bundle(), (far, start))
    assert find_residual_operands(graph) == {}
    assert find_shortest_distances(graph)[-1] == (1, 0)
