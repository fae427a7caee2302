"""Finds chains of ops in which each has the next one as its only consumer."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.ir.graph import Graph, Node, Value
from archspec.ops.base import per_axis
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.ops.norm import BatchNorm
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph

NodeChain = tuple[Node, ...]


def is_separable(graph: Graph, node: Node) -> bool:
    """Whether a node can be split and merged by groups of channels; not if it shares weights."""
    simple = node.op.elementwise and not node.weights and len(node.inputs) == 1
    return simple or (isinstance(node.op, Conv | BatchNorm) and not graph.shares_module(node))


def trace_chain_before(graph: Graph, value: Value, *, convs: int | None = None) -> NodeChain:
    """The chain that ends in a value and begins with a convolution: the farthest, or number `convs` from the end."""
    chain: list[Node] = []
    met = 0
    while met != convs and graph.only_user(value) is not None:
        node = graph.nodes[value.node]
        if not isinstance(node, Node) or not is_separable(graph, node):
            break
        chain.append(node)
        met += isinstance(node.op, Conv)
        value = node.inputs[0]
    while chain and not isinstance(chain[-1].op, Conv):
        chain.pop()
    return tuple(reversed(chain))


def trace_chain_after(graph: Graph, node: Node) -> NodeChain:
    """The chain after a node up to the next convolution; empty if there is none."""
    chain: list[Node] = []
    user = graph.only_user(node.outputs[0])
    while user is not None and is_separable(graph, user):
        chain.append(user)
        if isinstance(user.op, Conv):
            return tuple(chain)
        user = graph.only_user(user.outputs[0])
    return ()


def exchange_neighbours(graph: Graph, producers: Mapping[int, Node]) -> Graph:
    """The graph in which each node, by its id, changes places with the producer of its operand, of which it is the only consumer."""
    moved = {producer.id for producer in producers.values()}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in moved:
            return rewriter.operands(node)
        return rewriter.keep(producers[node.id], rewriter.keep(node)) if node.id in producers else None

    return rewrite_graph(graph, rewrite)


def is_pointwise(node: Node) -> bool:
    """Whether a node is a convolution with a kernel of 1 and no padding."""
    if not isinstance(node.op, Conv) or not node.path:
        return False
    rank = node.inputs[0].shape.rank - 1
    padded = node.op.padding != "same" and any(per_axis(node.op.padding, rank, "padding"))
    return set(per_axis(node.op.kernel, rank, "kernel")) == {1} and not padded


def joins_channels(node: Node) -> bool:
    """Whether a node concatenates several values along their channels."""
    return isinstance(node.op, Concat) and len(node.inputs) > 1 and node.op.along_channels(*node.input_shapes)


def leads_with_channels(node: Node) -> bool:
    """Whether all operands of a node have a batch and then the channels as their first axes."""
    return all(shape.batched and shape.channel_axis == 0 for shape in node.input_shapes)


def adds_equals(node: Node) -> bool:
    """Whether a node adds values of equal sizes, without broadcasting."""
    return isinstance(node.op, Add) and len({(shape.sizes, shape.batched) for shape in node.input_shapes}) == 1
