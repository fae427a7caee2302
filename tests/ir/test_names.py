"""Names in a namespace are unique."""

from __future__ import annotations

import random

import pytest

from archspec.ir.graph import UNKNOWN_SPAN, Graph, Path
from archspec.ir.names import UniqueNames, append_underscores, find_free_name
from archspec.ir.shape import Shape
from archspec.ops import BY_WORD

STEMS = ("conv", "conv2", "conv22", "0", "1", "x_")


def taken_paths(graph: Graph) -> set[Path]:
    """The paths of all nodes and regions, with all their prefixes."""
    paths = [*(node.path for node in graph.ops), *(region.path for region in graph.regions)]
    return {path[:end] for path in paths for end in range(1, len(path) + 1)}


@pytest.mark.parametrize("variant", [None, append_underscores, "{} ({})".format])
def test_names_never_collide(variant: object) -> None:
    drawn = random.Random(0)
    for _ in range(50):
        before = set(drawn.sample(STEMS, 3))
        names = UniqueNames(before, variant) if variant else UniqueNames(before)  # type: ignore[arg-type]
        given = [names.take(drawn.choice(STEMS)) for _ in range(12)]
        assert len({*given, *before}) == len(given) + len(before)


def test_a_name_is_its_stem_where_that_is_free() -> None:
    names = UniqueNames(["conv3"])
    assert [names.take("conv") for _ in range(3)] == ["conv", "conv2", "conv4"]
    assert [names.take("9") for _ in range(3)] == ["9", "10", "11"]
    assert find_free_name("x", {"x", "x_"}, variant=append_underscores) == ("x__", 3)


@pytest.mark.parametrize("seed", range(20))
def test_paths_of_a_growing_graph_never_collide(seed: int) -> None:
    drawn = random.Random(seed)
    graph = Graph("net")
    value = graph.add_input("input", Shape.of(4))
    for _ in range(30):
        region = drawn.choice(graph.regions)
        path = graph.unique_path(region.path, drawn.choice(STEMS))
        assert path not in taken_paths(graph)
        assert path[:-1] == region.path
        if drawn.random() < 0.3:
            graph.add_region(path, "", {}, UNKNOWN_SPAN, region.id)
        else:
            graph.add_node(BY_WORD["relu"](), (value,), path, region=region.id)


def test_the_names_of_a_frozen_graph_are_known() -> None:
    graph = Graph("net")
    value = graph.add_input("input", Shape.of(4))
    graph.add_node(BY_WORD["relu"](), (value,), ("part", "relu"))
    assert [set(graph.freeze().names.inside(path)) for path in ((), ("part",), ("none",))] == [
        {"part"},
        {"relu"},
        set(),
    ]


def test_names_of_the_graph_before_are_taken_but_for_what_is_left_out() -> None:
    graph = Graph("net")
    value = graph.add_input("input", Shape.of(4))
    for name in ("one", "two"):
        (value,) = graph.add_node(BY_WORD["relu"](), (value,), (name,))
    new = graph.copy_without_nodes(left_out={2})
    assert [new.unique_path((), name) for name in ("one", "two")] == [("one2",), ("two",)]
    assert sorted(new.names.inside(())) == ["one", "one2", "two"]
    assert graph.unique_path((), "two") == ("two2",)
