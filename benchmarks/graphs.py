"""Graph algorithms of archspec beside those of networkx that could take their place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import networkx as nx

import archspec
from archspec.analysis.liveness import find_cut_points
from archspec.ir.dag import build_dag
from archspec.ir.graph import Graph
from archspec.view.skip_connections import find_skip_connections
from benchmarks.commands import arguments
from benchmarks.measure import Work, medians, process, shown
from benchmarks.page import Section, Table
from benchmarks.paths import CHAIN

ABOUT = """
What archspec computes by its own sweeps over the graph, beside the algorithms of networkx that give the same or could be built on
([why](decisions/0024-networkx-for-those-who-ask.md)). The lowest common ancestor of the operands of a join is where its skip connection begins; a
node that dominates the output is where the network can be cut at one value; topological generations are ranks of a picture.
Times of networkx do not count the import and the making of its graph, which have lines of their own.
"""


def measure(quick: bool) -> Iterator[Table]:
    networks: dict[str, Graph] = {
        name: archspec.load(name).graph
        for name in (("cifar_resnet20_A",) if quick else ("resnet50", "densenet169", "inception_resnet_v1"))
    }
    for units in (5, 10) if quick else (200, 400):
        networks[f"a chain of {units} sums"] = archspec.load(CHAIN, units=units).graph
    rounds = 1 if quick else 5
    times = {name: medians(list_works(graph), rounds) for name, graph in networks.items()}
    rows = [(name, f"{len(networks[name].nodes):,}", *map(shown, row.values())) for name, row in times.items()]
    yield Table(("network", "nodes", *next(iter(times.values()))), rows)
    yield Table(
        (
            "network",
            "edges",
            "left out by transitive reduction",
            "of them on skip connections",
            "on skip connections in all",
        ),
        [(name, *map(str, compare_reduction(graph))) for name, graph in networks.items()],
        "Edges of the simple graph, and those that a transitive reduction leaves out:",
    )
    yield Table(
        ("import networkx", "archspec check resnet50"),
        [
            tuple(
                map(
                    shown,
                    medians(
                        {
                            "networkx": process("-c", "import networkx"),
                            "check": process(*arguments("check resnet50", "")),
                        },
                        rounds,
                    ).values(),
                )
            )
        ],
        "Whole processes:",
    )


def list_works(graph: Graph) -> dict[str, Work]:
    dag = nx.DiGraph(graph.dag)
    pairs = list_operand_pairs(graph)
    (start,) = (value.node for value in graph.inputs.values())
    return {
        "skip connections": lambda: find_skip_connections(replace(graph)),
        "lowest common ancestors, a query each": lambda: [nx.lowest_common_ancestor(dag, *pair) for pair in pairs],
        "all of them in one query": lambda: list(nx.all_pairs_lowest_common_ancestor(dag, pairs)),
        "cut points and their bytes": partial(find_cut_points, graph),
        "immediate dominators": partial(nx.immediate_dominators, dag, start),
        "topological generations": lambda: list(nx.topological_generations(dag)),
        "transitive reduction": partial(nx.transitive_reduction, dag),
        "graph for networkx": lambda: nx.DiGraph(build_dag(graph)),
    }


def list_operand_pairs(graph: Graph) -> list[tuple[int, int]]:
    """The nodes that make the first operand of a join and another one of it."""
    joins = (node for node in graph.ops if node.op.join and len(node.outputs) == 1)
    return [(node.inputs[0].node, value.node) for node in joins for value in node.inputs[1:]]


def compare_reduction(graph: Graph) -> tuple[int, int, int, int]:
    """How many edges there are, are left out, are left out on skip connections, and are on skip connections."""
    dag = nx.DiGraph(graph.dag)
    left_out = dag.edges - nx.transitive_reduction(dag).edges
    skips = {(graph.nodes[id].inputs[operand].node, id) for id, operand in find_skip_connections(graph)}
    return dag.number_of_edges(), len(left_out), len(left_out & skips), len(skips)


SECTION = Section("graphs", "Graph algorithms", ABOUT, measure, ("networkx",))
