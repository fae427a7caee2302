"""Single paths in order with their names, also the first of very many; and the tree of all paths."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import networkx as nx
import pytest

import archspec
from archspec.analysis.path_enumeration import SignalPath, TooManyPathsError, iter_paths
from archspec.ir.graph import Node
from archspec.ops.base import Op
from tests.work import count_lines


def test_the_first_of_two_to_the_54_comes_at_once() -> None:
    """ResNet-110: one path of length 0, 54 of length 1, then those of length 2."""
    arch = archspec.load("cifar_resnet110_A")
    assert count_lines(lambda: next(arch.iter_paths())) < 300 * len(list(arch.graph.ops))
    first = next(arch.iter_paths())
    assert first.length == 0
    assert first.counted_names == ()
    found = list(islice(arch.iter_paths(), 1 + 54 + 10))
    assert [route.length for route in found] == [0] + [1] * 54 + [2] * 10
    assert {route.counted_names for route in found[1:55]} == {
        (f"stage{stage}.{unit}",) for stage in (1, 2, 3) for unit in range(18)
    }


def test_a_path_goes_along_the_edges_of_the_graph() -> None:
    arch = archspec.load("googlenet")
    for route in islice(arch.iter_paths("layers"), 50):
        for (before, after), step in zip(pairwise(route.nodes), route.steps[1:], strict=True):
            assert arch.to_networkx().has_edge(before.id, after.id, key=step.operand)
        assert route.names[0] == "input"
        assert route.names[-1] == "fc"
        assert route.length == len(route.counted_names) == len(route.layers)


@pytest.mark.parametrize("spec", ["fractalnet20", "mobilenet_v2", "highway_mnist_fc10", "unet", "dmrnet_d14", "vgg16"])
def test_the_paths_are_as_many_and_as_long_as_counted(spec: str) -> None:
    arch = archspec.load(spec)
    for unit in ("modules", "layers"):
        found = [route.length for route in arch.iter_paths(unit)]
        assert found == sorted(found)
        assert Counter(found) == arch.paths(unit).lengths


def test_a_route_that_dies_is_not_given() -> None:
    """A slice takes only the part of a concatenation that comes from one of two branches."""
    arch = archspec.load(
        "name: a\ninput: [4, 8, 8]\nstages:\n  both: {concat: [conv: 2, conv: 2]}\n"
        "  halves: {split: [2, 2], as: [left, right]}\n  end: {from: right, relu: {}}\n"
    )
    (route,) = arch.iter_paths()
    assert arch.paths().total == 1
    assert [node.word for node in words(route)] == ["conv", "concat", "split", "relu"]
    assert route.steps[2].operand == 1


def words(route: SignalPath) -> list[Op]:
    return [node.op for node in route.nodes if isinstance(node, Node)]


def test_paths_between_two_parts() -> None:
    arch = archspec.load("resnet50")
    found = list(iter_paths(arch.paths(source="layer2", target="layer2.1")))
    assert [route.counted_names for route in found] == [(), ("layer2.1",), ("layer2.0",), ("layer2.0", "layer2.1")]


def test_the_tree_of_a_fractal_network() -> None:
    arch = archspec.load("fractalnet20")
    tree = arch.unravel()
    assert nx.is_arborescence(tree)
    assert sum(data["ends"] for _, data in tree.nodes(data=True)) == 3125
    root = tree.nodes[0]
    assert (root["name"], root["channels"], root["length"]) == ("input", (0, 2), 0)


def test_a_tree_beyond_the_limit_is_refused() -> None:
    with pytest.raises(TooManyPathsError, match=r"a tree of 3,125 paths is larger than the limit of 3,124"):
        archspec.load("fractalnet20").unravel(limit=3124)
    with pytest.raises(TooManyPathsError, match=r"a tree of ≈ 4\.149e180 paths"):
        archspec.load("cifar_resnet1202_A").unravel()
