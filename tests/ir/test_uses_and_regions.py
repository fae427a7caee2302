"""Uses and regions of random graphs and of bundled networks, compared with a recount; frozen graphs cannot change."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import networkx as nx
import pytest

import archspec
from archspec.ir.graph import UNKNOWN_SPAN, FrozenGraphError, Graph, Node, Value, is_noop
from archspec.ir.parts import NamedParts
from archspec.ir.regions import RegionTree
from archspec.ir.shape import Shape
from archspec.ir.uses import ComputedUses, find_ancestors, find_incoming_edges, find_leaving_values
from archspec.ops import BY_WORD
from archspec.spans import Use
from tests.sample import representatives

SAMPLED = representatives()[::9]


def draw_graph(seed: int) -> Graph:
    """A random graph of sums and splits, with nested regions and random outputs."""
    drawn = random.Random(seed)
    graph = Graph("drawn")
    values = [graph.add_input(name, Shape.of(4)) for name in ("one", "two")]
    open_regions = [0]
    for _ in range(drawn.randrange(5, 40)):
        if drawn.random() < 0.3:
            parent = graph.regions[open_regions[-1]]
            region = graph.add_region(graph.unique_path(parent.path, "part"), "", {}, UNKNOWN_SPAN, parent.id)
            open_regions.append(region.id)
        elif drawn.random() < 0.3 and len(open_regions) > 1:
            open_regions.pop()
        operands = tuple(drawn.choices(values[-6:], k=drawn.randrange(1, 4)))
        word = drawn.choice(["add", "bundle"])
        values += graph.add_node(
            BY_WORD[word](), operands, use=Use("block", {"width": 4}, UNKNOWN_SPAN, None), region=open_regions[-1]
        )
    for number in range(drawn.randrange(1, 4)):
        graph.add_output(f"output{number}", drawn.choice(values))
    return graph


def read_values(graph: Graph) -> Iterator[tuple[Value, int, int]]:
    """Every operand: its value, its node and its position."""
    for node in graph.ops:
        yield from ((value, node.id, position) for position, value in enumerate(node.inputs))


def check_uses(graph: Graph) -> None:
    reads, returned = list(read_values(graph)), list(graph.outputs.values())
    for node in graph.nodes:
        count = 0
        for value in node.outputs:
            uses = [(user, position) for read, user, position in reads if read == value]
            assert [(user.id, position) for user, position in graph.uses(value)] == uses
            assert [user.id for user in graph.users(value)] == [user for user, _ in uses] == list(value.users)
            assert graph.is_output(value) == (value in returned)
            assert graph.producer(value) is node
            alone = len(uses) == 1 and value not in returned
            assert graph.only_user(value) == (graph.nodes[uses[0][0]] if alone else None)
            count += len(uses) + (value in returned)
            assert graph.is_used(value) == bool(uses or value in returned)
            if graph.is_used(value):
                last = len(graph.nodes) if value in returned else uses[-1][0]
                assert graph.last_use(value) == last
        assert graph.count_uses(node) == count


def check_regions(graph: Graph) -> None:
    tree, around = graph.region_tree, [graph.enclosing_regions(region.id) for region in graph.regions]
    for region in graph.regions:
        inside = {node.id for node in graph.nodes if region in around[node.region]}
        read_within = [value for value, user, _ in read_values(graph) if user in inside]
        read_outside = [value for value, user, _ in read_values(graph) if user not in inside]
        if region.parent is not None:
            assert tree.inputs[region.id] == tuple(dict.fromkeys(v for v in read_within if v.node not in inside))
            leaving = (v for v in (*read_outside, *graph.outputs.values()) if v.node in inside)
            assert tree.outputs[region.id] == tuple(dict.fromkeys(leaving))
        if inside:
            assert (tree.nodes[region.id].start, tree.nodes[region.id][-1]) == (min(inside), max(inside))
        else:
            assert not tree.nodes[region.id]
        assert tree.depths[region.id] == len(around[region.id]) - 1
        users = {user for value, user, _ in read_values(graph) if value.node in inside and user not in inside}
        users |= {len(graph.nodes) for value in graph.outputs.values() if value.node in inside}
        assert graph.users_outside(inside) == users
    for members, region in zip(tree.members, graph.regions, strict=True):
        assert [part.id for part in members if isinstance(part, Node)] == [
            node.id for node in graph.ops if node.region == region.id
        ]


def resolve_alias(graph: Graph, value: Value) -> Value:
    producer = graph.producer(value)
    return (
        value
        if not isinstance(producer, Node) or not is_noop(producer)
        else resolve_alias(graph, producer.inputs[value.index])
    )


def check_computed_uses(graph: Graph) -> None:
    uses = ComputedUses(graph)
    tree = RegionTree(graph, uses)
    around = [graph.enclosing_regions(region.id) for region in graph.regions]
    reads = [
        (resolve_alias(graph, value), user)
        for value, user, _ in read_values(graph)
        if isinstance(node := graph.nodes[user], Node) and not is_noop(node)
    ]
    reads += [(resolve_alias(graph, value), len(graph.nodes)) for value in graph.outputs.values()]
    for node in graph.nodes:
        for value in node.outputs:
            assert uses.alias_of[value] == resolve_alias(graph, value)
            assert uses.users.get(value, []) == [user for read, user in reads if read == value]
    for region in graph.regions[1:]:
        inside = {node.id for node in graph.nodes if region in around[node.region]}
        assert tree.consecutive[region.id] == (not inside or max(inside) - min(inside) < len(inside))
        entering = (value for value, user in reads if user in inside and value.node not in inside)
        leaving = (value for value, user in reads if user not in inside and value.node in inside)
        assert tree.inputs[region.id] == tuple(dict.fromkeys(entering))
        assert tree.outputs[region.id] == tuple(dict.fromkeys(leaving))


def check_node_sets(graph: Graph) -> None:
    ids = [node.id for node in graph.ops]
    for inside in (set(ids[::3]), set(ids[2:7]), set(ids)):
        reads = [(value, user, position) for value, user, position in read_values(graph) if value.node not in inside]
        entering = {(user, position): value for value, user, position in reads if user in inside}
        assert find_incoming_edges(graph, inside) == entering
        left = {value for value, user, _ in read_values(graph) if value.node in inside and user not in inside}
        left |= {value for value in graph.outputs.values() if value.node in inside}
        leaving = list(find_leaving_values(graph, inside))
        assert leaving == sorted(left, key=lambda value: (value.node, value.index))
    for end in ids[::4]:
        assert find_ancestors(graph, [end]) == {end} | nx.ancestors(graph.dag, end)
        assert find_ancestors(graph, [end], {end: ()}) == {end}


@pytest.mark.parametrize("seed", range(25))
def test_what_is_computed_is_used_as_a_recount_finds(seed: int) -> None:
    graph = draw_graph(seed)
    check_computed_uses(graph)
    check_node_sets(graph)


@pytest.mark.parametrize("seed", range(25))
def test_uses_and_regions_of_random_graphs_are_what_a_recount_finds(seed: int) -> None:
    graph = draw_graph(seed)
    check_uses(graph)
    check_regions(graph)
    graph.freeze()
    check_uses(graph)
    check_regions(graph)


@pytest.mark.parametrize("name", SAMPLED)
def test_regions_of_bundled_networks_are_what_a_recount_finds(name: str) -> None:
    graph = archspec.load(name).graph
    tree, chosen = graph.region_tree, random.Random(name).sample(graph.regions[1:], min(8, len(graph.regions) - 1))
    for region in chosen:
        inside = {node.id for node in graph.nodes if region in graph.enclosing_regions(node.region)}
        entering = {v for v, user, _ in read_values(graph) if user in inside and v.node not in inside}
        leaving = {v for v, user, _ in read_values(graph) if user not in inside and v.node in inside}
        assert set(tree.nodes[region.id]) == inside, "the nodes of a region are consecutive"
        assert set(tree.inputs[region.id]) == entering
        assert set(tree.outputs[region.id]) == leaving | {v for v in graph.outputs.values() if v.node in inside}


def test_the_innermost_common_region() -> None:
    graph = draw_graph(3)
    around = [graph.enclosing_regions(region.id) for region in graph.regions]
    for one in graph.regions:
        for other in graph.regions:
            shared = [region.id for region in around[one.id] if region in around[other.id]]
            assert graph.region_tree.common(one.id, other.id) == shared[-1]


def test_a_frozen_graph_refuses_to_be_changed() -> None:
    graph = archspec.load("name: a\ninput: [4]\nstages: {one: relu, two: relu}\n").graph
    value = graph.inputs["input"]
    fresh = Graph("fresh")
    for add in (
        lambda: graph.add_input("other", Shape.of(4)),
        lambda: graph.add_node(BY_WORD["relu"](), (value,)),
        lambda: graph.add_region(("three",), "", {}, UNKNOWN_SPAN, 0),
        lambda: graph.add_output("other", value),
        lambda: graph.unique_path((), "three"),
        lambda: setattr(graph, "outputs", {}),
        lambda: fresh.add_node(BY_WORD["relu"](), (value,)),
    ):
        with pytest.raises(FrozenGraphError, match="frozen"):
            add()
    assert (len(graph.nodes), list(graph.outputs), value.users) == (3, ["output"], (1,))
    for changeable in ("nodes", "regions"):
        assert isinstance(getattr(graph, changeable), tuple)


def test_what_is_derived_is_kept_once_a_graph_is_frozen() -> None:
    graph = draw_graph(0)
    assert graph.region_tree is not graph.region_tree
    graph.freeze()
    assert graph.region_tree is graph.derive(RegionTree)
    assert graph.derive(NamedParts) is graph.derive(NamedParts)
    assert graph.dag is graph.dag


def test_a_frozen_graph_with_another_purpose_has_the_same_nodes() -> None:
    graph = draw_graph(0).freeze()
    other = replace(graph, inference=True)
    assert (other.frozen, other.inference, graph.inference) == (True, True, False)
    assert other.nodes is graph.nodes
    assert other.region_tree is not graph.region_tree


def test_a_pass_leaves_the_graph_before_as_it_was() -> None:
    arch = archspec.load("resnet18")
    names = [node.name for node in arch.graph.ops]
    users = [value.users for node in arch.graph.nodes for value in node.outputs]
    arch.rewrite("stochastic_depth")
    assert [node.name for node in arch.graph.ops] == names
    assert [value.users for node in arch.graph.nodes for value in node.outputs] == users


@pytest.mark.parametrize("name", SAMPLED)
def test_what_passes_through_is_what_needs_no_call(name: str) -> None:
    for node in archspec.load(name).graph.ops:
        assert node.op.passes_through(len(node.inputs)) == (not node.op.lower(*node.input_shapes))
        assert len(node.outputs) == 1 or not node.op.one_output
        if is_noop(node):
            assert node.output_shapes == node.input_shapes
