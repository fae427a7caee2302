"""Concatenations that build on one another, as memory that each of them writes its part into: dense blocks without copies.

A dense block of L layers (Huang et al. 2017, arXiv:1608.06993) concatenates L times; copied each time, its first values are moved L
times. Written into one piece of memory with room for all, each is moved once.
"""

from __future__ import annotations

from archspec.backends.torch.kernels.ops import Begin, Extend
from archspec.graph import Graph, Node, Value
from archspec.ops.join import Concat
from archspec.passes.base import keep, rebuild


def grow(graph: Graph) -> Graph:
    """The graph in which each series of concatenations, of which one is the first operand of the next, has one piece of memory."""
    ops = {node.id: op for chain in _chains(graph) for node, op in _grown(chain)}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id not in ops:
            return keep(new, node, inputs)
        return new.add(ops[node.id], inputs, node.path, scope=node.scope, span=node.span, use=node.use)

    return rebuild(graph, change) if ops else graph


def _grown(chain: list[Node]) -> list[tuple[Node, Concat]]:
    room = chain[-1].outputs[0].shape.channels
    return [(node, Extend() if at else Begin(room=room)) for at, node in enumerate(chain)]


def _chains(graph: Graph) -> list[list[Node]]:
    """Series of two or more: a concatenation continues the series whose last one is its first operand, or else begins one."""
    chains: dict[int, list[Node]] = {}
    for node in graph.ops:
        if _joins_channels(node):
            chain = chains.pop(node.inputs[0].node, [])
            chain.append(node)
            chains[node.id] = chain
    return [chain for chain in chains.values() if len(chain) > 1]


def _joins_channels(node: Node) -> bool:
    shape = node.outputs[0].shape
    return (
        isinstance(node.op, Concat)
        and shape.axis == 0
        and node.op.axis in (None, 0, -shape.rank)
        and len(node.inputs) > 1
    )
