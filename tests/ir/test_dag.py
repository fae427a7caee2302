"""networkx and archspec's own algorithms give the same results on a graph."""

from __future__ import annotations

import networkx as nx
import pytest

import archspec
from archspec.analysis.liveness import LiveRanges, find_cut_points
from archspec.ir.graph import Graph
from tests.sample import CORE

SAMPLED = sorted({*CORE} - {"gpt2", "lstm"})
SOURCE, SINK = -1, -2  # a node before all inputs and one after all outputs


def find_dominators(graph: Graph) -> set[int]:
    """The nodes that every path from the inputs to the outputs passes."""
    wiring: nx.DiGraph[int] = nx.DiGraph(graph.dag)
    wiring.add_edges_from((SOURCE, value.node) for value in graph.inputs.values())
    wiring.add_edges_from((value.node, SINK) for value in graph.outputs.values())
    parents = nx.immediate_dominators(wiring, SOURCE)
    dominators, node = set[int](), SINK
    while node != SOURCE:
        node = parents[node]
        dominators.add(node)
    return dominators


@pytest.mark.parametrize("name", SAMPLED)
def test_the_only_value_that_crosses_a_cut_is_of_a_dominator(name: str) -> None:
    graph = archspec.load(name).graph
    live_ranges = graph.derive(LiveRanges)
    single = [point.node for point in find_cut_points(graph) if point.values == 1]
    crossing = {live_ranges.live_before(node)[0].value.node for node in single}
    assert crossing
    assert crossing <= find_dominators(graph)


def test_nodes_stand_behind_all_generations_before_their_own() -> None:
    graph = archspec.load("googlenet").graph
    generations = {id: number for number, ids in enumerate(nx.topological_generations(graph.dag)) for id in ids}
    for node in graph.ops:
        assert generations[node.id] == 1 + max(generations[value.node] for value in node.inputs)


def test_params_and_macs_of_the_nodes_are_those_of_the_network() -> None:
    arch = archspec.load("resnet18")
    facts = [data for _, data in arch.to_networkx().nodes(data=True)]
    assert sum(fact["params"] for fact in facts) == arch.params
    assert sum(fact["macs"] for fact in facts) == arch.macs
