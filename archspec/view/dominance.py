"""Finds the category of op that dominates a part of a network, which decides the colour of its box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from archspec.analysis.counts import Cost
from archspec.ir.graph import Graph, Node, computes
from archspec.view.hierarchy import build_hierarchy


def find_dominant_category(graph: Graph, nodes: Iterable[int]) -> str:
    """The category of op with most multiply-accumulates in a part; without any the most parameters, and without these the most layers.

    Among equals, the first in the part.

    Args:
        graph: the network.
        nodes: the ids of the part's nodes.

    >>> import archspec
    >>> graph = archspec.load("vgg11").graph
    >>> find_dominant_category(graph, range(len(graph.nodes)))
    'conv'
    """
    costs = graph.derive(_collect_costs)
    macs, params, count = Counter[str](), Counter[str](), Counter[str]()
    for node in (graph.nodes[id] for id in nodes):
        if computes(node):
            category, cost = node.op.category, costs[node.id]
            macs[category] += cost.macs
            params[category] += cost.params
            count[category] += 1
    for amounts in (macs, params, count):
        if amounts.total():
            return max(amounts, key=amounts.__getitem__)
    return "shape"


def _collect_costs(graph: Graph) -> dict[int, Cost]:
    members = build_hierarchy(graph).members
    return {facts.part.id: facts.cost for parts in members for facts in parts if isinstance(facts.part, Node)}
