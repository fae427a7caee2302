"""The graph records the consumers of values, and networkx is only imported on demand."""

from __future__ import annotations

import copy
import subprocess
import sys

import networkx as nx
import pytest

import archspec
from archspec.ir.graph import Graph, Node
from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from tests.programs import random_spec


def assert_users_are_the_readers(graph: Graph) -> None:
    reads = [(value, node.id) for node in graph.ops for value in node.inputs]
    for node in graph.nodes:
        for value in node.outputs:
            assert list(value.users) == [consumer for read, consumer in reads if read == value]
            assert [user.id for user in graph.users(value)] == list(value.users)


def test_users_are_kept_while_a_graph_grows() -> None:
    graph = Graph("net")
    value = graph.add_input("input", Shape.of(4, 8, 8))
    (first,) = graph.add_node(BY_WORD["relu"](), (value,))
    (last,) = graph.add_node(BY_WORD["add"](), (first, value, first))
    assert (value.users, first.users, last.users) == ([1, 2], [2, 2], [])
    assert [node.op.word for node in graph.users(value)] == ["relu", "add"]
    assert_users_are_the_readers(graph)


@pytest.mark.parametrize("seed", range(0, 300, 3))
def test_users_are_the_readers_also_after_passes(seed: int) -> None:
    try:
        arch = archspec.load(random_spec(seed))
    except archspec.SpecError:
        return
    assert_users_are_the_readers(arch.graph)
    assert_users_are_the_readers(arch.optimize().graph)


def test_users_are_no_part_of_what_a_value_is() -> None:
    one, other = Graph("one"), Graph("other")
    value, same = (graph.add_input("input", Shape.of(4)) for graph in (one, other))
    one.add_node(BY_WORD["relu"](), (value,))
    assert value == same
    assert hash(value) == hash(same)
    assert "users" not in repr(value)
    assert copy.deepcopy(value).users == [1]


def test_a_value_and_a_node_cannot_be_changed() -> None:
    graph = archspec.load("name: a\ninput: [4]\nstages: {one: relu}\n").graph
    (node,) = graph.ops
    for thing, name in ((node, "path"), (node.outputs[0], "shape"), (node.outputs[0], "node")):
        with pytest.raises(AttributeError):
            setattr(thing, name, None)


def test_networkx_sees_nodes_operands_and_outputs() -> None:
    text = "name: a\ninput: [4, 8, 8]\nstages: {one: [{split: [1, 3], as: [left, right]}, {add: [left, left]}]}\n"
    arch = archspec.load(text)
    dag = arch.to_networkx()
    assert nx.is_directed_acyclic_graph(dag)
    assert [dag.nodes[number]["node"].id for number in dag] == [0, 1, 2]
    facts = [[dag.nodes[number][key] for key in ("op", "name", "shapes", "params", "macs")] for number in dag]
    assert facts[:2] == [
        ["input", "input", ((4, 8, 8),), 0, 0],
        ["split", "", ((1, 8, 8), (3, 8, 8)), 0, 0],
    ]
    assert dag.nodes[1]["span"].line == 3
    assert set(nx.get_edge_attributes(dag, "shape").values()) == {(4, 8, 8), (1, 8, 8)}
    assert sorted(dag.edges(keys=True, data="output")) == [(0, 1, 0, 0), (1, 2, 0, 0), (1, 2, 1, 0)]
    assert arch.to_networkx() is dag
    with pytest.raises(nx.NetworkXError, match=r"[Ff]rozen"):
        dag.add_node(7)


def test_the_view_of_networkx_follows_a_graph_that_grows() -> None:
    graph = Graph("net")
    value = graph.add_input("input", Shape.of(4))
    assert len(graph.dag) == 1
    graph.add_node(BY_WORD["relu"](), (value,))
    assert list(graph.dag.edges) == [(0, 1, 0)]


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_edges_are_the_operands(seed: int) -> None:
    try:
        graph = archspec.load(random_spec(seed)).graph
    except archspec.SpecError:
        return
    edges = {edge: graph.dag.edges[edge]["output"] for edge in graph.dag.edges}
    operands = {(value.node, node.id, at): value.index for node in graph.ops for at, value in enumerate(node.inputs)}
    assert edges == operands
    assert all(isinstance(graph.dag.nodes[node.id]["node"], Node) for node in graph.ops)


PROGRAM = """
import sys
import archspec
from archspec.cli.commands import archspec as command
try:
    command(%s, standalone_mode=False)
except SystemExit as end:
    assert not end.code, end.code
print([name for name in ("networkx", "torch", "rich", "archspec.passes.registry") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("arguments", "imported"), [(["check", "densenet121"], []), (["summary", "alexnet", "--json"], []), (["count-paths", "resnet18", "--json"], []), (["check", "fractalnet20_droppath"], ["archspec.passes.registry"])]
)  # fmt: skip
def test_a_command_imports_neither_networkx_nor_passes_that_it_does_not_need(
    arguments: list[str], imported: list[str]
) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM % arguments], capture_output=True, encoding="utf-8", check=True)
    assert run.stdout.splitlines()[-1] == str(imported)


def test_the_test_can_fail() -> None:
    program = PROGRAM % ["check", "alexnet"] + "import networkx\nprint('networkx' in sys.modules)\n"
    assert subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    ).stdout.endswith("True\n")
