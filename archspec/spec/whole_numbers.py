"""Checks the use of integer inputs, such as the token ids of an embedding, which no arithmetic may change."""

from __future__ import annotations

from archspec.errors import Diagnostic, Note, SpecError
from archspec.ir.graph import Graph, Input, Node, Value

_HELP = "it stands right behind an input or a constant with whole: true, or behind what only moves their elements"


def check_whole_numbers(graph: Graph) -> None:
    """Raises `SpecError` if an op that needs integers has another operand, or if another op computes with integers."""
    wanted = graph.whole_numbers
    if not wanted:
        return
    whole = set(graph.inputs.values()) & wanted
    whole.update(value for node in graph.ops if node.op.makes_indices for value in node.outputs)
    for node in graph.ops:
        held = [value in whole for value in node.inputs]
        for position, value in enumerate(node.inputs):
            if position in node.op.indices and not held[position]:
                raise SpecError(_no_tokens(graph, node, value))
            if held[position] and not (
                position in node.op.indices or node.op.reads_batch or (node.op.moves and all(held))
            ):
                raise SpecError(_computed_with(node))
        if node.op.moves and all(held):
            whole.update(node.outputs)


def _no_tokens(graph: Graph, node: Node, value: Value) -> Diagnostic:
    producer = graph.nodes[value.node]
    source = "an input" if isinstance(producer, Input) else producer.op.word
    notes = (Note(producer.span, "made here"),)
    return Diagnostic(f"{node.op.word} needs whole numbers, got what {source} makes", node.span, notes, node.use, _HELP)


def _computed_with(node: Node) -> Diagnostic:
    message = f"{node.op.word} needs numbers to compute with, got the whole numbers that an embedding reads"
    return Diagnostic(message, node.span, (), node.use, "give it an input of its own")
