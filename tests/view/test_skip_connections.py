"""Skip connections are those of their definition: found by brute force over all paths, and by networkx's dominators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from random import Random

import networkx as nx
import pytest

import archspec
from archspec.draw import draw_picture
from archspec.ir.dominators import ROOT, DominatorTree
from archspec.ir.graph import Graph, Node, OperandRef, Value
from archspec.ir.shape import Shape
from archspec.ir.signal_flow import list_signal_operands
from archspec.ops import BY_WORD
from archspec.ops.conv import Conv
from archspec.view.skip_connections import Flow, find_skip_connections
from tests.sample import bundled, every_spec


def random_graph(seed: int) -> Graph:
    """A network of a few convolutions, activations and joins, with one input or two."""
    random = Random(seed)
    graph = Graph("random")
    values = [graph.add_input(name, Shape.of(2, 4, 4)) for name in ("a", "b")[: random.choice((1, 1, 2))]]

    def conv(value: Value) -> Value:
        return graph.add_node(Conv(out=2, kernel=1), (value,))[0]

    for _ in range(random.randint(3, 12)):
        word = random.choice(("conv", "conv", "relu", "add", "add", "mean", "concat"))
        read = [random.choice(values[-5:]) for _ in range(random.randint(2, 3) if BY_WORD[word].join else 1)]
        if word == "add" and random.random() < 0.3:
            read[:2] = [conv(read[0]), conv(conv(read[0]))]
        (value,) = [conv(read[0])] if word == "conv" else graph.add_node(BY_WORD[word](), tuple(read))
        values.append(conv(value) if word == "concat" else value)
    for number, value in enumerate(value for value in values if not value.users):
        graph.add_output(f"out{number}", value)
    graph.freeze()
    return graph


class ByPaths:
    """The definition of skip connections, with a list of all paths to each node."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.paths = cache(self._paths)

    def _paths(self, node: int) -> list[tuple[int, ...]]:
        operands = list_signal_operands(self.graph.nodes[node])
        before = [path for operand in operands for path in self.paths(self.graph.nodes[node].inputs[operand].node)]
        return [(*path, node) for path in before] if operands else [(node,)]

    def dominators(self, node: int) -> set[int]:
        return set.intersection(*map(set, self.paths(node)))

    def lengths(self, start: int, node: int) -> set[int]:
        """The numbers of weighted layers on the paths between two nodes, without the first."""
        ways = (path[path.index(start) + 1 :] for path in self.paths(node))
        return {sum(self.weighted(id) for id in way) for way in ways}

    def weighted(self, id: int) -> int:
        node = self.graph.nodes[id]
        return node.op.weighted if isinstance(node, Node) else 0

    def flows(self) -> Iterator[tuple[OperandRef, Flow]]:
        for join in self.graph.ops:
            if join.op.join:
                ends = [value.node for value in join.inputs]
                for operand, end in enumerate(ends):
                    if kind := self.kind(join, end, ends):
                        yield (join.id, operand), kind

    def kind(self, join: Node, end: int, ends: list[int]) -> Flow | None:
        if not any(self.is_longer(other, end) for other in ends):
            return None
        own = set(self.own_nodes(end, ends))
        kind: Flow = "projection" if any(map(self.weighted, own)) else join.op.skip_kinds[0]
        start = end
        while start in own and len(self.graph.nodes[start].inputs) == 1:
            start = self.graph.nodes[start].inputs[0].node
        begins = kind != "projection" and sum(start in self.dominators(other) for other in ends) > 1
        shortest = [min(map(self.count, self.paths(other))) for other in ends]
        fewest = min(map(self.count, self.paths(end))) == min(shortest)
        return kind if kind in join.op.skip_kinds and (fewest or begins) else None

    def count(self, path: tuple[int, ...]) -> int:
        return sum(map(self.weighted, path))

    def is_longer(self, other: int, end: int) -> bool:
        for common in self.dominators(other) & self.dominators(end):
            long, short = self.lengths(common, other), self.lengths(common, end)
            return min(long) > min(short) and max(long) > max(short)
        return False

    def own_nodes(self, end: int, ends: list[int]) -> Iterator[int]:
        """The nodes from an end back that have one use and no other end behind them on every path."""
        node = self.graph.nodes[end]
        single = self.graph.count_uses(node) == 1
        if isinstance(node, Node) and single and sum(end in self.dominators(other) for other in ends) <= 1:
            yield end
            for value in node.inputs:
                yield from self.own_nodes(value.node, ends)


def at_joins(graph: Graph, flows: dict[OperandRef, Flow]) -> dict[OperandRef, Flow]:
    return {use: flow for use, flow in flows.items() if graph.nodes[use[0]].op.join}  # type: ignore[union-attr]


def test_skip_connections_are_those_of_all_paths() -> None:
    for seed in range(150):
        graph = random_graph(seed)
        ends = dict(ByPaths(graph).flows())
        found = at_joins(graph, find_skip_connections(graph))
        ways = found.keys() - ends.keys()
        assert {use: flow for use, flow in found.items() if use not in ways} == ends, seed
        assert not ways, seed


def test_random_graphs_have_every_kind() -> None:
    graphs = [random_graph(seed) for seed in range(150)]
    kinds = [kind for graph in graphs for kind in at_joins(graph, find_skip_connections(graph)).values()]
    assert {kind: kinds.count(kind) > 3 for kind in kinds} == {"identity": True, "projection": True, "concat": True}


@pytest.mark.parametrize("name", every_spec())
def test_dominators_are_those_of_networkx(name: str) -> None:
    graph = bundled(name).graph
    before = [[node.inputs[operand].node for operand in list_signal_operands(node)] for node in graph.nodes]
    sources = {value.node for value in graph.inputs.values()}
    tree = DominatorTree(before, sources)
    dag: nx.Graph[object] = nx.DiGraph([(tail, node) for node, tails in enumerate(before) for tail in tails])
    dag.add_edges_from((ROOT, node) for node in sources)
    dag.remove_nodes_from(set(dag) - nx.descendants(dag, ROOT) - {ROOT})
    immediate = nx.immediate_dominators(dag, ROOT)
    assert [immediate.get(node) for node in range(len(before))] == tree.parents
    assert all(tree.dominates(parent, node) for node, parent in immediate.items() if parent not in {ROOT, None})


def arrows(spec: Mapping[str, object]) -> list[Flow]:
    return [edge.flow for edge in draw_picture(archspec.load(spec).graph).edges]


def test_a_second_head_and_a_second_input_are_no_shortcuts() -> None:
    stages = {"a": {"conv": 4}, "b": {"conv": 4}, "c": {"conv": 4}}
    heads = {"second": {"conv": 2, "from": "a", "as": "other"}, "both": {"bundle": ["c", "other"]}}
    spec = {"name": "heads", "input": [3, 8, 8], "stages": stages | heads}
    assert set(arrows(spec)) == {"flow"}
    inputs = {"left": [3, 8, 8], "right": [3, 8, 8]}
    both = {"sum": {"add": ["left", {"conv": 3, "from": "right"}]}}
    assert set(arrows({"name": "inputs", "inputs": inputs, "stages": both})) == {"flow"}


@pytest.mark.parametrize("name", ["googlenet_aux", "inception_v3_aux"])
def test_auxiliary_heads_are_no_shortcuts(name: str) -> None:
    assert {edge.flow for edge in draw_picture(bundled(name).graph).edges} == {"flow"}


def test_every_feature_of_a_flat_concatenation_but_the_last_is_a_shortcut() -> None:
    layers = {"a": {"conv": 4}, "b": {"conv": 4}, "c": {"conv": 4}, "all": {"concat": ["a", "b", "c"]}}
    graph = archspec.load({"name": "flat", "input": [3, 8, 8], "stages": layers}).graph
    assert list(find_skip_connections(graph).values()) == ["concat", "concat"]
