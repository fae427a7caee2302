"""The paths through each edge: a cut has all of them, and they are those of an enumeration."""

from __future__ import annotations

from collections import Counter
from operator import add

import pytest

from archspec.analysis.path_enumeration import iter_paths
from archspec.analysis.path_flow import count_paths_through_edges
from archspec.analysis.paths import PathCounts, count_paths
from tests.sample import bundled, every_spec


def count_crossing(paths: PathCounts, through: dict[tuple[int, int], int], after: int, ended: Counter[int]) -> int:
    """The paths over the cut behind a node: through an edge across it, or ended before it."""
    nodes = paths.graph.nodes
    crossing = sum(count for (id, operand), count in through.items() if nodes[id].inputs[operand].node <= after < id)
    return crossing + sum(count for node, count in ended.items() if node <= after)


@pytest.mark.parametrize("name", every_spec())
@pytest.mark.parametrize("gates", [False, True])
def test_a_cut_has_all_paths(name: str, gates: bool) -> None:
    graph = bundled(name).graph
    paths = count_paths(graph, gates=gates)
    through = count_paths_through_edges(paths)
    arrived = {value: sum(routes.values()) for value, routes in paths.sweep(1, add)}
    ended = Counter[int]()
    for value in paths.targets:
        ended[value.node] += arrived.get(value, 0)
    first = max(value.node for value in graph.inputs.values())
    cuts = range(first, len(graph.nodes), max(1, len(graph.nodes) // 40))
    assert {count_crossing(paths, through, after, ended) for after in cuts} == {paths.total}


@pytest.mark.parametrize("name", ["unet", "lstm_cell_10_20", "cifar_resnet20_A", "highway_mnist_fc10"])
def test_edges_have_the_paths_of_an_enumeration(name: str) -> None:
    paths = count_paths(bundled(name).graph)
    steps = Counter(
        (step.node.id, step.operand) for path in iter_paths(paths) for step in path.steps if step.operand is not None
    )
    assert count_paths_through_edges(paths) == steps
