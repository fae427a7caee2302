"""Parallel 1×1 convolutions of one value as a single one: Inception's (Szegedy et al. 2015, arXiv:1409.4842)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archspec.carried import Carried, Joined, Piece
from archspec.graph import Graph, Node, Value
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.tensor import Split
from archspec.passes.base import FreeNames, followed, keep, rebuild
from archspec.passes.chains import Wiring, pointwise

Parallel = tuple[Node, ...]


def merge_convs(graph: Graph) -> Graph:
    """Makes one convolution of all 1×1 convolutions that read the same value, and splits its result.

    They have the same stride, all or none of them a bias, no groups, and weights of their own. If a ReLU alone reads each of them,
    one ReLU goes before the split. The new convolution is called `merged`, in the part of the network around them.
    """
    wiring = Wiring.of(graph)
    found = {parallel[0].id: parallel for parallel in _all_parallel(wiring)}
    if not found:
        return graph
    names = FreeNames(graph)
    parts: dict[int, Value] = {}
    step: dict[str, Carried] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in found:
            parts.update(_merged(new, wiring, found[node.id], inputs, names, step))
        return (parts[node.id],) if node.id in parts else keep(new, node, inputs)

    return followed(rebuild(graph, change), step)


def _all_parallel(wiring: Wiring) -> Iterator[Parallel]:
    uses = Counter(node.path for node in wiring.graph.ops)
    read = dict.fromkeys(value for node in wiring.graph.ops for value in node.inputs)
    for value in read:
        alike: dict[object, list[Node]] = {}
        for node in wiring.graph.users(value):
            if isinstance(node.op, Conv) and node.op.groups == 1 and uses[node.path] == 1 and pointwise(node):
                alike.setdefault((node.op.stride, node.op.bias, node.outputs[0].shape.spatial), []).append(node)
        yield from (tuple(nodes) for nodes in alike.values() if len(nodes) > 1)


def _merged(
    new: Graph,
    wiring: Wiring,
    parallel: Parallel,
    inputs: tuple[Value, ...],
    names: FreeNames,
    step: dict[str, Carried],
) -> dict[int, Value]:
    """Adds the convolution; the values that stand for the nodes whose places it takes, by their numbers."""
    first = parallel[0]
    assert isinstance(first.op, Conv), "they all are"
    scope = _around(wiring.graph, parallel)
    path = names.take(wiring.graph.scopes[scope].path, "merged")
    widths = tuple(node.outputs[0].shape.channels for node in parallel)
    made = new.add(first.op.model_copy(update={"out": sum(widths)}), inputs, path, scope=scope, span=first.span)
    for weight in first.weights:
        pieces = tuple(Piece(f"{node.name}.{weight.name}") for node in parallel)
        step[".".join((*path, weight.name))] = Joined(pieces)
    relus = [reader for node in parallel for reader in _rectifications(wiring, node)]
    if len(relus) == len(parallel):
        made = new.add(relus[0].op, made, scope=scope, span=relus[0].span)
    values = new.add(Split(sizes=widths), made, scope=scope, span=first.span)
    ends = [*parallel, *relus] if len(relus) == len(parallel) else parallel
    return {node.id: values[at % len(parallel)] for at, node in enumerate(ends)}


def _rectifications(wiring: Wiring, conv: Node) -> Iterator[Node]:
    reader = wiring.only_reader(conv.outputs[0])
    if reader is not None and isinstance(reader.op, ReLU):
        yield reader


def _around(graph: Graph, nodes: Parallel) -> int:
    """The innermost scope that all nodes are in."""
    first, *others = (graph.scope_chain(node.scope) for node in nodes)
    shared = [scope.id for scope in first if all(scope in chain for chain in others)]
    return shared[-1]
