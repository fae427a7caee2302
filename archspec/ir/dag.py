"""Converts a graph to networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

    from archspec.ir.node import GraphContents, Input, Node


def build_dag(graph: GraphContents) -> nx.MultiDiGraph[int]:
    """The nodes and edges of a graph, frozen; `networkx.MultiDiGraph` of it is a mutable copy.

    Returns:
        A node for each node of the graph, by its id, with `node` (the node itself), `op` (the word of its op, `input` for an input
        of the network), `name` (its dotted path), `shapes` (the sizes of its outputs, without the batch), `params` (trainable
        scalars of its weights, shared ones at each node), `macs` (of one sample) and `span` (its span in the spec). An edge for
        each operand, whose key is the operand's position, with `output` (the index of the producer's output) and `shape` (its
        sizes).
    """
    import networkx as nx  # slow to import, and few commands need it

    dag: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    dag.add_nodes_from((node.id, _describe_node(node)) for node in graph.nodes)
    for node in graph.nodes:
        for position, value in enumerate(node.inputs):
            dag.add_edge(value.node, node.id, key=position, output=value.index, shape=value.shape.sizes)
    nx.freeze(dag)
    return dag


def _describe_node(node: Node | Input) -> dict[str, Any]:
    shapes = tuple(value.shape.sizes for value in node.outputs)
    facts: dict[str, Any] = {"node": node, "name": node.name, "shapes": shapes, "span": node.span}
    if isinstance(node, tuple):  # an op, and not an input
        params = sum(weight.numel for weight in node.weights if weight.trainable)
        return facts | {"op": node.op.word, "params": params, "macs": node.macs}
    return facts | {"op": "input", "params": 0, "macs": 0}
