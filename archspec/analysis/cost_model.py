"""Estimates the work of each node, or distributes given costs of parts over their nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from archspec.analysis.counts import FLOAT32
from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Node, computes
from archspec.ir.parts import NamedParts

MACS_PER_BYTE = 4
"""The multiply-accumulates that a machine does in the time to move one byte to or from memory."""


class CostError(ArchspecError, ValueError):
    """Raised for costs that do not fit a network's parts.

    >>> import archspec
    >>> archspec.load("resnet18").pipeline(2, costs={"layer1": -1.0})
    Traceback (most recent call last):
        ...
    archspec.analysis.cost_model.CostError: the cost of layer1 is -1.0, no number from 0 on
    """


def model_work(graph: Graph) -> list[int]:
    """The work of each node, by its id, in MACs: those that it computes, or the equivalent of the bytes that it moves if these take longer.

    This is the roofline model of Williams et al. 2009 (doi:10.1145/1498765.1498785) for one sample in float32. The bytes are those
    of inputs and outputs; weights are read once for a whole batch and do not count.
    """
    return [_model_node_work(node) if computes(node) else 0 for node in graph.nodes]


def _model_node_work(node: Node) -> int:
    moved = sum(shape.numel for shape in (*node.input_shapes, *node.output_shapes)) * FLOAT32
    return max(node.macs, MACS_PER_BYTE * moved)


def distribute_costs(graph: Graph, costs: Mapping[str, float]) -> list[float]:
    """The costs of a network's parts, by name, divided among the nodes of each part in proportion to the modelled work.

    A node in none of the parts has cost 0.

    Raises:
        UnknownPartError: a name is that of no part.
        CostError: a part contains another one, or a cost is negative or not finite.
    """
    model, parts = model_work(graph), graph.derive(NamedParts)
    work: list[float] = [0.0] * len(graph.nodes)
    covered: dict[int, str] = {}
    for name, cost in costs.items():
        if not (math.isfinite(cost) and cost >= 0):
            raise CostError(f"the cost of {name} is {cost}, no number from 0 on")
        nodes = parts.find(name).node_ids
        other = next((covered[id] for id in nodes if id in covered), None)
        if other is not None:
            raise CostError(f"{name} and {other} have costs, and one is in the other")
        covered.update(dict.fromkeys(nodes, name))
        whole = sum(model[id] for id in nodes)
        for id in nodes:
            work[id] = cost * model[id] / whole if whole else cost / len(nodes)
    return work
