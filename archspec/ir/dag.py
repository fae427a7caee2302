"""A graph for networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

    from archspec.ir.node import GraphContents, Input, Node


def build_dag(graph: GraphContents) -> nx.MultiDiGraph[int]:
    """The wiring of a graph, frozen: `networkx.MultiDiGraph` of it is a copy that can be changed.

    Returns:
        A node for each node of the graph, by its number, with `node` (the node itself), `op` (the word of its op, `input` for an
        input of the network), `name` (its path, with dots), `shapes` (the sizes of its outputs, without the batch), `params`
        (trainable scalars of its weights; those of weights that several nodes share are with each), `macs` (of one sample) and
        `span` (where the spec makes it). An edge for each operand, whose key is the operand's position, with `output` (which
        output of its tail it carries) and `shape` (its sizes).
    """
    import networkx as nx  # most of what a command would need to start, and few need it

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
    if isinstance(node, tuple):  # an op; an input of the network is none
        params = sum(weight.numel for weight in node.weights if weight.trainable)
        return facts | {"op": node.op.word, "params": params, "macs": node.macs}
    return facts | {"op": "input", "params": 0, "macs": 0}
