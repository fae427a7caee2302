"""Writes the spec of a graph, and proves that it compiles to the same graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from archspec.errors import ArchspecError, SpecError
from archspec.importing.document import make_document
from archspec.importing.spec_text import write_spec
from archspec.ir.graph import Graph, Input, Node, Path, Region
from archspec.printable import shorten_text
from archspec.spans import Source
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.limits import Limits

_LISTED = 10  # problems that a message lists


class DecompileError(ArchspecError, ValueError):
    """Raised if a graph has no spec: it has ops that no spec can use, or layers that share weights.

    >>> import archspec
    >>> archspec.load("lstm").decompile()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    archspec.importing.decompile.DecompileError: lstm has no spec: lstm.0.0 is used by 5 layers, ...
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
    problems = [*_find_internal_ops(graph), *_find_shared_weights(graph)]
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


def _find_shared_weights(graph: Graph) -> Iterator[str]:
    """Yields what is used again where `reuse` finds no layer of that name: in another part, or with a number as its name."""
    again = {region.id: region.path for region in _find_repeated(graph)}
    homes: dict[Path, set[int]] = {}
    counts = Counter(node.path for node in graph.ops if node.path)
    numbered = {path for path in again.values() if path[-1].isdigit()}
    for node in graph.ops:
        around = set(_iter_regions(graph, node.region))
        if node.path and not (again.keys() & around):
            homes.setdefault(node.path, set()).add(node.region)
    for path, count in counts.items():
        unnamed = path[-1].isdigit() and len(homes[path]) == 1 and _count_uses(graph, path, homes[path]) > 1
        if len(homes[path]) > 1 or unnamed or any(path[: len(part)] == part for part in numbered):
            yield _describe_shared(path, count)


def _describe_shared(path: Path, count: int) -> str:
    return f"{'.'.join(path)} is used by {count} layers, which share its weights"


def _find_shared(graph: Graph) -> str | None:
    """The first layer that is used again, if there is one."""
    counts = Counter(node.path for node in graph.ops if node.path)
    return next((_describe_shared(path, count) for path, count in counts.items() if count > 1), None)


def _count_uses(graph: Graph, path: Path, regions: set[int]) -> int:
    return sum(node.path == path and node.region in regions for node in graph.ops)


def _find_repeated(graph: Graph) -> Iterator[Region]:
    """Yields the regions that are another use of one before them in the same region."""
    first: set[tuple[Path, int | None]] = set()
    for region in graph.regions:
        key = (region.path, region.parent)
        if key in first:
            yield region
        first.add(key)


def _iter_regions(graph: Graph, region: int | None) -> Iterator[int]:
    """Yields the regions around a node, the innermost first."""
    while region is not None:
        yield region
        region = graph.regions[region].parent


def _find_fault(graph: Graph, text: str) -> str | None:
    """Why a text does not compile to this graph; None if it does."""
    nodes = max(Limits().nodes, 2 * len(graph.nodes))
    limits = Limits(nodes=nodes, bytes=max(Limits().bytes, len(text.encode())), items=max(Limits().items, 100 * nodes))
    try:
        _, made, *_ = compile_source(Source("<decompiled>", text), None, Budget(limits), {})
    except SpecError as error:
        shared = _find_shared(graph)  # `reuse` finds no layer in another list
        return f"{shared}, in different lists" if shared else shorten_text(str(error), 300)
    return find_difference(graph, made)


def find_difference(graph: Graph, made: Graph) -> str | None:
    """The first difference between a graph and the one that its spec compiles to; None if there is none."""
    for node, other in zip(graph.nodes, made.nodes, strict=False):
        if _describe(node) != _describe(other):
            return f"{node.name or node.id} would be {other.name or other.id}"
        if node.name not in ("", other.name) and not _is_numbered_layer(node):
            return f"{node.name} would be called {other.name}"
    if len(graph.nodes) != len(made.nodes):
        return f"it has {len(graph.nodes)} nodes, the spec {len(made.nodes)}"
    ends, others = ({name: (value.node, value.index) for name, value in side.outputs.items()} for side in (graph, made))
    equal = ends == others or (len(ends) == 1 and [*ends.values()] == [*others.values()])
    return None if equal else f"its outputs are {', '.join(ends)}, not {', '.join(others)}"


def _is_numbered_layer(node: Node | Input) -> bool:
    """Whether a node is a layer without weights whose name is its number, so that nothing refers to it by name."""
    return isinstance(node, Node) and node.path[-1:] != () and node.path[-1].isdecimal() and not node.weight_shapes


def _describe(node: Node | Input) -> Any:
    op = node.op if isinstance(node, Node) else None
    return op, [(value.node, value.index) for value in node.inputs], [value.shape for value in node.outputs]
