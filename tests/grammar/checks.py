"""Invariants of every network: its graph, paths, built module, generated source and pictures."""

from __future__ import annotations

from collections import Counter
from typing import Any

import archspec
from archspec.architecture import Architecture
from archspec.errors import Diagnostic
from archspec.ir.graph import Graph, Input, Value
from archspec.spans import Source
from archspec.spec.limits import Limits
from archspec.spec.yaml_writer import write_yaml
from tests.grammar.documents import Document

LIMITS = Limits(nodes=2000, layers=20_000, depth=100)
MOST_PATHS = 200


def text_of(document: Document) -> str:
    return write_yaml(document.tree)


def load(text: str) -> Architecture | tuple[Diagnostic, ...]:
    """The network, or the diagnostics, each with a span in the text."""
    try:
        return archspec.load(Source("fuzz.yaml", text), limits=LIMITS)
    except archspec.SpecError as error:
        diagnostics = error.diagnostics
    assert diagnostics
    for diagnostic in diagnostics:
        check_diagnostic(diagnostic)
    return diagnostics


def check_diagnostic(diagnostic: Diagnostic) -> None:
    assert diagnostic.message
    assert all(line.isprintable() for line in str(diagnostic).splitlines())
    for span in (diagnostic.span, *(note.span for note in diagnostic.notes)):
        assert 1 <= span.line <= max(1, len(span.source.lines) + 1)
        assert 1 <= span.column <= len(span.source.line(span.line)) + 1
    diagnostic.as_dict()


def check_graph(graph: Graph) -> None:
    """Producers come before consumers, shapes are those of the ops, and the nodes of regions are consecutive."""
    made: dict[Value, int] = {}
    for number, node in enumerate(graph.nodes):
        assert node.id == number
        if not isinstance(node, Input):
            assert all(made[value] < number for value in node.inputs)
            assert node.op.infer(*node.input_shapes) == node.output_shapes
            calls = node.op.lower(*node.input_shapes)
            assert sum(call.stateful for call in calls) == bool(
                calls and (node.weights or any(c.stateful for c in calls))
            )
            assert node.macs >= 0
        made.update(dict.fromkeys(node.outputs, number))
    assert all(value in made for value in graph.outputs.values())
    check_scopes(graph)
    check_weights(graph)


def check_scopes(graph: Graph) -> None:
    for region in graph.regions[1:]:
        assert region.parent is not None
        assert region.parent < region.id
    around = [[region.id for region in graph.enclosing_regions(node.region)] for node in graph.ops]
    seen: set[int] = set()
    before: list[int] = []
    for chain in around:
        entered = [region for region in chain if region not in before]
        assert not seen.intersection(entered), "a region that was left is entered again"
        seen.update(entered)
        before = chain


def check_weights(graph: Graph) -> None:
    """Nodes of one name have equal weights, and no name is a prefix of another module's."""
    weights: dict[str, Any] = {}
    for node in graph.ops:
        if node.weights:
            assert weights.setdefault(node.name, node.weights) == node.weights
    keys = Counter(f"{name}.{weight.name}" for name, owned in weights.items() for weight in owned)
    assert all(count == 1 for count in keys.values())


def check_paths(arch: Architecture) -> None:
    """The numbers and lengths of paths are those of an enumeration of routes."""
    counted = arch.paths("layers")
    if counted.total > MOST_PATHS:
        return
    lengths = Counter[int]()
    graph = arch.graph
    consumers: dict[Value, list[tuple[int, int]]] = {}
    for node in graph.ops:
        for operand, value in enumerate(node.inputs):
            consumers.setdefault(value, []).append((node.id, operand))
    ends = Counter(graph.outputs.values())
    waiting = [(value, range(value.shape.channels), 0) for value in graph.inputs.values()]
    while waiting:
        value, channels, length = waiting.pop()
        lengths[length] += ends[value]
        for id, operand in consumers.get(value, ()):
            consumer = graph.nodes[id]
            assert not isinstance(consumer, Input)
            if not consumer.op.carries(operand, len(consumer.inputs)):
                continue
            for made in consumer.outputs:
                reached = consumer.op.routes(
                    operand, channels, consumer.input_shapes, consumer.output_shapes, made.index
                )
                if reached:
                    waiting.append((made, reached, length + consumer.op.weighted))
    assert +lengths == counted.lengths
    assert counted.total == lengths.total()
    assert len(list(arch.iter_paths("layers"))) == counted.total


def check_views(arch: Architecture) -> None:
    """Tables, differences, pictures and reports of every network can be made."""
    summary = arch.summary()
    assert str(summary)
    assert summary.as_dict()
    assert arch.depth >= 0
    arch.diff(arch)
    arch.draw(detail="stages")
    arch.draw(detail="layers")
    if arch.paths().total <= 24:
        arch.draw(detail="paths")
    arch.report()
