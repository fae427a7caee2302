"""Series of ops in which each is read by the next one alone: what the passes on parallel paths look for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from archspec.ir.graph import Graph, Node, Path, Value
from archspec.ops.base import per_axis
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.ops.norm import BatchNorm

NodeChain = tuple[Node, ...]


@dataclass(frozen=True)
class ValueUses:
    """Who reads which value of a graph, and which values leave it."""

    graph: Graph
    outputs: frozenset[Value]
    shared: frozenset[Path]
    """The modules that several nodes use: to put one together with another, or to cut it up, would end that they share weights."""

    @staticmethod
    def from_graph(graph: Graph) -> ValueUses:
        uses = Counter(node.path for node in graph.ops if node.path)
        shared = frozenset(path for path, count in uses.items() if count > 1)
        return ValueUses(graph, frozenset(graph.outputs.values()), shared)

    def is_separable(self, node: Node) -> bool:
        """Whether a node can be cut up, or put together, by groups of channels."""
        simple = node.op.elementwise and not node.weights and len(node.inputs) == 1
        return simple or (isinstance(node.op, Conv | BatchNorm) and node.path not in self.shared)

    def only_consumer(self, value: Value) -> Node | None:
        """The one node that reads a value that nothing else needs."""
        consumers = self.graph.users(value) if len(value.users) == 1 and value not in self.outputs else []
        return consumers[0] if consumers else None

    def chain_before(self, value: Value, *, convs: int | None = None) -> NodeChain:
        """The series that ends in a value, from a convolution on: the farthest, or the one number `convs` from the end."""
        chain: list[Node] = []
        met = 0
        while met != convs and self.only_consumer(value) is not None:
            node = self.graph.nodes[value.node]
            if not isinstance(node, Node) or not self.is_separable(node):
                break
            chain.append(node)
            met += isinstance(node.op, Conv)
            value = node.inputs[0]
        while chain and not isinstance(chain[-1].op, Conv):
            chain.pop()
        return tuple(reversed(chain))

    def chain_after(self, node: Node) -> NodeChain:
        """The series that follows a node, up to the next convolution; empty if there is none."""
        chain: list[Node] = []
        consumer = self.only_consumer(node.outputs[0])
        while consumer is not None and self.is_separable(consumer):
            chain.append(consumer)
            if isinstance(consumer.op, Conv):
                return tuple(chain)
            consumer = self.only_consumer(consumer.outputs[0])
        return ()


def is_pointwise(node: Node) -> bool:
    """Whether a node is a convolution that sees one place at a time: a kernel of 1 and no padding."""
    if not isinstance(node.op, Conv) or not node.path:
        return False
    rank = node.inputs[0].shape.rank - 1
    padded = node.op.padding != "same" and any(per_axis(node.op.padding, rank, "padding"))
    return set(per_axis(node.op.kernel, rank, "kernel")) == {1} and not padded


def joins_channels(node: Node) -> bool:
    """Whether a node puts several values one after the other along their channels."""
    return isinstance(node.op, Concat) and len(node.inputs) > 1 and node.op.along_channels(*node.input_shapes)


def leads_with_channels(node: Node) -> bool:
    """Whether all that a node reads has the channels as its first axis, behind a batch: where kernels look for them."""
    return all(shape.batched and shape.channel_axis == 0 for shape in node.input_shapes)
