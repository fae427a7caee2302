"""Chains, branches and bypassing arrows laid out in columns: decomposition, lanes, axes, and the shapes that are laid out in ranks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import networkx as nx
import pytest

from archspec.draw.columns import lay_out_columns
from archspec.draw.geometry import Layout
from archspec.draw.layout import compute_layout
from archspec.draw.picture import Box, Edge, Line, Picture
from archspec.draw.series_parallel import NotSeriesParallelError, Series, decompose_dag


def make_picture(edges: str, **options: object) -> Picture:
    """A picture of arrows such as `a-b b-c`; boxes in capitals are circles."""
    pairs = [tuple(edge.split("-")) for edge in edges.split()]
    names = dict.fromkeys(node for pair in pairs for node in pair)
    boxes = tuple(Box(name, "conv", (Line(name * 3),), sign=name.isupper()) for name in names)
    return Picture("net", "", boxes, tuple(Edge(*pair) for pair in pairs), **options)  # type: ignore[arg-type]


def lay_out(edges: str, **options: object) -> Layout:
    laid = lay_out_columns(make_picture(edges, **options))
    assert laid is not None
    return laid


def places(laid: Layout) -> dict[str, tuple[float, float]]:
    return {box.id: centre for box, centre in laid.boxes}


def corners(laid: Layout, pair: str) -> list[tuple[float, float]]:
    curve = next(curve for curve in laid.curves if f"{curve.edge.tail}-{curve.edge.head}" == pair)
    assert curve.tip is not None
    return [*curve.points[::3], curve.tip]


@pytest.mark.parametrize(
    "edges", ["a-b b-c c-d a-c b-d", "a-b a-c b-d c-d d-e a-e", "a-c b-c c-d c-e", "a-b b-c c-d a-d"]
)
def test_bypasses_are_the_edges_outside_the_transitive_reduction(edges: str) -> None:
    pairs = [(pair[0], pair[2]) for pair in edges.split()]
    graph = nx.DiGraph(pairs)
    found = decompose_dag(list(graph), pairs)
    assert set(found.bypasses) == set(pairs) - set(nx.transitive_reduction(graph).edges)
    assert sorted(found.tree.iter_nodes()) == sorted(graph)


@pytest.mark.parametrize("edges", ["a-b a-c b-d c-d b-e c-e", "a-b b-a"])
def test_other_shapes_are_refused(edges: str) -> None:
    pairs = [(pair[0], pair[2]) for pair in edges.split()]
    with pytest.raises(NotSeriesParallelError):
        decompose_dag(sorted({node for pair in pairs for node in pair}), pairs)


def test_a_shape_without_columns_is_laid_out_in_ranks() -> None:
    crossing = make_picture("a-b a-c b-d c-d b-e c-e")
    assert lay_out_columns(crossing) is None
    assert len(compute_layout(crossing).boxes) == 5


def test_a_chain_has_one_axis_and_straight_arrows() -> None:
    laid = lay_out("a-b b-c c-d")
    assert len({x for x, _ in places(laid).values()}) == 1
    assert all(len(curve.points) == 4 for curve in laid.curves)
    sideways = lay_out("a-b b-c c-d", direction="LR")
    assert len({y for _, y in places(sideways).values()}) == 1
    assert [x for x, _ in places(sideways).values()] == sorted(x for x, _ in places(sideways).values())


def test_bypasses_run_in_lanes_of_their_own_balanced_at_both_sides() -> None:
    laid = lay_out("a-b b-c c-d d-e a-c b-d c-e a-e")
    axis = places(laid)["a"][0]
    lanes = {pair: corners(laid, pair)[1:3] for pair in ("a-c", "b-d", "c-e", "a-e")}
    sides = [min(points)[0] < axis for points in lanes.values()]
    assert sorted(sides) == [False, False, True, True]
    for pair, other in pairwise(sorted(lanes)):
        assert lanes[pair] != lanes[other]


def test_parallel_branches_are_columns_around_the_axis() -> None:
    laid = lay_out("a-b a-c a-d b-E c-E d-E E-f")
    x = {id: place[0] for id, place in places(laid).items()}
    assert x["a"] == x["c"] == x["E"] == x["f"]
    assert x["c"] - x["b"] == pytest.approx(x["d"] - x["c"])


def test_arrows_between_branches_run_in_a_channel_between_them() -> None:
    picture = make_picture("a-c c-E b-d d-F a-m b-m m-E m-F E-g F-h")
    skips = tuple(replace(edge, flow="identity") if "m" in (edge.tail, edge.head) else edge for edge in picture.edges)
    laid = lay_out_columns(replace(picture, edges=skips))
    assert laid is not None
    at = places(laid)
    assert at["a"][0] == at["E"][0] < at["m"][0] < at["b"][0] == at["F"][0]
    (start, *_, end) = corners(laid, "a-m")
    assert at["a"][0] < start[0] < end[0] < at["m"][0]
    assert corners(laid, "m-E")[-1][0] > at["E"][0]


def test_arrows_enter_a_circle_at_points_of_their_own() -> None:
    laid = lay_out("a-b a-c b-D c-D a-D D-e")
    ends = {corners(laid, pair)[-1] for pair in ("b-D", "c-D", "a-D")}
    assert len(ends) == 3


def test_a_loop_returns_to_its_box() -> None:
    laid = lay_out("a-b b-c b-b")
    (start, *_, end) = corners(laid, "b-b")
    assert start[0] == end[0] > places(laid)["b"][0]
    assert end[1] < start[1]


def test_nested_bypasses_are_bent_as_a_u() -> None:
    at = places(lay_out("a-b b-c c-d d-e e-f f-g b-f c-e"))
    assert at["b"][1] == at["f"][1]
    assert at["c"][1] == at["e"][1]
    assert at["b"][0] == at["c"][0] < at["d"][0] < at["e"][0] == at["f"][0]


def test_branches_keep_their_order() -> None:
    tree = decompose_dag("abcde", [("a", "c"), ("a", "b"), ("b", "d"), ("c", "d"), ("d", "e")]).tree
    assert isinstance(tree, Series)
    assert list(tree.iter_nodes()) == list("abcde")
