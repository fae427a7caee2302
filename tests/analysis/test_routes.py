"""Distances and detours: what paths are measured by."""

from __future__ import annotations

from archspec.graph import Graph
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Bundle, Concat, Multiply
from archspec.ops.tensor import Split
from archspec.routes import detours, distances
from archspec.shape import Shape


def test_a_distance_is_that_of_the_nearest_way() -> None:
    graph = Graph("ways")
    start = graph.input("input", Shape.of(4, 2, 2))
    (once,) = graph.add(Conv(out=4), (start,))
    (twice,) = graph.add(Conv(out=4), (once,))
    (met,) = graph.add(Add(), (twice, once))
    assert distances(graph) == [(0,), (1,), (2,), (1,)]
    assert detours(graph) == {met.node: (True, False)}


def test_equal_ways_are_no_detours() -> None:
    graph = Graph("twins")
    start = graph.input("input", Shape.of(4, 2, 2))
    ways = tuple(graph.add(Conv(out=4), (start,))[0] for _ in range(3))
    graph.add(Add(), ways)
    assert detours(graph) == {4: (False, False, False)}


def test_a_part_is_as_far_as_what_it_holds() -> None:
    graph = Graph("parts")
    start = graph.input("input", Shape.of(4, 2, 2))
    (far,) = graph.add(Conv(out=4), (start,))
    (both,) = graph.add(Concat(), (start, far))
    graph.add(Split(sizes=(4, 4)), (both,))
    assert distances(graph)[-2:] == [(0,), (0, 1)]


def test_gates_are_no_operands_unless_asked() -> None:
    graph = Graph("gated")
    start = graph.input("input", Shape.of(4, 2, 2))
    (far,) = graph.add(Conv(out=4), (start,))
    graph.add(Multiply(), (far, start))
    assert detours(graph) == {2: (False, False)}
    assert detours(graph, gates=True) == {2: (True, False)}
    assert distances(graph)[-1] == (1,)
    assert distances(graph, gates=True)[-1] == (0,)


def test_a_bundle_is_no_meeting() -> None:
    graph = Graph("bundle")
    start = graph.input("input", Shape.of(4, 2, 2))
    (far,) = graph.add(Conv(out=4), (start,))
    graph.add(Bundle(), (far, start))
    assert detours(graph) == {}
    assert distances(graph)[-1] == (1, 0)
