"""Writes the spec of a graph, and proves that it compiles to the same graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from typing import Any

from archspec.errors import ArchspecError, SpecError
from archspec.importing.document import make_document
from archspec.importing.spec_text import write_spec
from archspec.ir.graph import Graph, Input, Node
from archspec.printable import shorten_text
from archspec.spans import Source
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.limits import Limits

_LISTED = 10  # problems that a message lists


class DecompileError(ArchspecError, ValueError):
    """Raised if a graph has no spec: it has ops that no spec can use.

    >>> import archspec
    >>> archspec.load("densenet121").optimize().decompile()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    archspec.importing.decompile.DecompileError: densenet121 has no spec: clampchannels is an op of passes only ...
    """


def decompile_graph(graph: Graph, name: str | None = None) -> str:
    """The text of a spec that compiles to this graph: the same ops, names, shapes and wiring, in the same order.

    Layers without weights that have no name in the graph get one, those whose name is a number may get another, and a single output is
    called `output`.

    Args:
        graph: a frozen graph, from a spec or made by passes.
        name: the name of the network; that of the graph if None.

    Raises:
        DecompileError: it has no spec.

    >>> import archspec
    >>> tiny = archspec.load("{name: tiny, input: [3, 8, 8], stages: {conv: {conv: {out: 8, kernel: 3}}, act: relu}}")
    >>> print(decompile_graph(tiny.graph), end="")
    name: tiny
    input: [3, 8, 8]
    <BLANKLINE>
    stages:
      conv: {conv: {out: 8, kernel: 3}}
      act: relu
    """
    problems = [*_find_internal_ops(graph)]
    if problems:
        more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise DecompileError(f"{graph.name} has no spec: {'; '.join(problems[:_LISTED])}{more}")
    differences = []
    for compressed in (True, False):  # what is short can be wrong, and long is better than nothing
        text = write_spec(make_document(graph, name or graph.name, compressed=compressed))
        differences.append(_find_fault(graph, text))
        if differences[-1] is None:
            return text
    raise DecompileError(f"{graph.name} has no spec: {differences[0]}")


def _find_internal_ops(graph: Graph) -> Iterator[str]:
    counts = Counter(node.op.word for node in graph.ops if node.op.internal)
    for word, count in counts.items():
        named = next(node for node in graph.ops if node.op.word == word)
        yield f"{word} is an op of passes only ({count} times, first {named.name or 'unnamed'})"


def _find_fault(graph: Graph, text: str) -> str | None:
    """Why a text does not compile to this graph; None if it does."""
    nodes = max(Limits().nodes, 2 * len(graph.nodes))
    limits = Limits(nodes=nodes, bytes=max(Limits().bytes, len(text.encode())), items=max(Limits().items, 100 * nodes))
    try:
        _, made, *_ = compile_source(Source("<decompiled>", text), None, Budget(limits), {})
    except SpecError as error:
        return shorten_text(str(error), 300)
    return find_difference(graph, made)


def find_difference(graph: Graph, made: Graph) -> str | None:
    """The first difference between a graph and the one that its spec compiles to; None if there is none."""
    known: set[str] = set()
    for node, other in zip(graph.nodes, made.nodes, strict=False):
        if _describe(node) != _describe(other):
            return f"{node.name or node.id} would be {other.name or other.id}"
        if node.name not in ("", other.name) and not _is_renamable(node, known):
            return f"{node.name} would be called {other.name}"
        known.add(node.name)
    if len(graph.nodes) != len(made.nodes):
        return f"it has {len(graph.nodes)} nodes, the spec {len(made.nodes)}"
    ends, others = ({name: (value.node, value.index) for name, value in side.outputs.items()} for side in (graph, made))
    equal = ends == others or (len(ends) == 1 and [*ends.values()] == [*others.values()])
    return None if equal else f"its outputs are {', '.join(ends)}, not {', '.join(others)}"


def _is_renamable(node: Node | Input, known: Container[str]) -> bool:
    """Whether a node is a layer without weights whose name nothing refers to: it is a number, or that of a layer before it."""
    if not isinstance(node, Node) or not node.path or node.weight_shapes:
        return False
    return node.path[-1].isdecimal() or node.name in known


def _describe(node: Node | Input) -> Any:
    op = node.op if isinstance(node, Node) else None
    return op, [(value.node, value.index) for value in node.inputs], [value.shape for value in node.outputs]
