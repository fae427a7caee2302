"""Which arrows of a network are shortcuts, and of what kind."""

from __future__ import annotations

from archspec.draw.picture import Flow
from archspec.graph import Graph, Node, Value
from archspec.routes import detours

Operand = tuple[int, int]
"""A node and the position of one of its inputs."""


def shortcuts(graph: Graph) -> dict[Operand, Flow]:
    """The operands that lie on shortcuts.

    A join's shortcuts are those of its operands that are no detour, where another one is (Veit et al. 2016). All that the
    operand alone hangs on belongs to it, back to where the ways part: nothing at all is an identity, layers are a
    projection. What a concatenation takes over without a layer is told apart from an identity, and so are gates.
    """
    readers = _readers(graph)
    flows: dict[Operand, Flow] = {}
    longer = detours(graph)
    for node in graph.ops:
        if not node.op.join:
            continue
        for operand, value in enumerate(node.inputs):
            if not node.op.carries(operand, len(node.inputs)):
                flows[node.id, operand] = "gate"
            elif node.id in longer and any(longer[node.id]) and not longer[node.id][operand]:
                flows.update(_back(graph, node, operand, value, readers))
    return flows


def _back(graph: Graph, join: Node, operand: int, value: Value, readers: dict[int, int]) -> dict[Operand, Flow]:
    way: list[Operand] = [(join.id, operand)]
    layers = 0
    current = graph.nodes[value.node]
    while isinstance(current, Node) and readers[current.id] == 1 and len(current.inputs) == 1 and not current.op.join:
        layers += current.op.word != "identity"
        way.append((current.id, 0))
        current = graph.nodes[current.inputs[0].node]
    flow: Flow = "projection" if layers else "concat" if join.op.word == "concat" else "identity"
    return dict.fromkeys(way, flow)


def _readers(graph: Graph) -> dict[int, int]:
    readers = dict.fromkeys(range(len(graph.nodes)), 0)
    for node in graph.ops:
        for value in node.inputs:
            readers[value.node] += 1
    for value in graph.outputs.values():
        readers[value.node] += 1
    return readers
