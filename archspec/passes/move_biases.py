"""The pass `move_biases`: merges the biases of a sum's convolutions into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import WeightSlice, WeightSource, WeightSum
from archspec.ops.conv import Conv
from archspec.ops.join import Add
from archspec.ops.transposed_conv import ConvTranspose
from archspec.passes.absorption import add_bias
from archspec.passes.chains import adds_equals
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@graph_pass("optimizer", keeps="training")
def move_biases(graph: Graph) -> Graph:
    """Moves the biases of the convolutions that a sum adds into the last of them, which is fused with the sum.

    On a GPU a bias alone is one more pass over memory, as in the projections of a residual network (He et al. 2016,
    arXiv:1512.03385, figure 2 and section 3.3, option B) after folding their normalisations. Sums of sums count as one.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: projected, input: [4, 8, 8], stages: {body: [add: [[conv: 4], [conv: {out: 4, kernel: 3, padding: 1}]]]}}")
    >>> print(format_graph(move_biases(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=4, bias=False) %0: 4×8×8  body.0
    %2 = conv(out=4, kernel=3, padding=1) %0: 4×8×8  body.1
    %3 = add %1 %2: 4×8×8
    output = %3
    """
    sources: dict[int, tuple[Node, ...]] = {}
    for node in graph.ops:
        if isinstance(node.op, Add) and not _is_inner_sum(graph, node):
            layers = sorted(_find_layers(graph, node), key=lambda layer: layer.id)
            if any(_has_bias(layer) for layer in layers[:-1]):
                sources[layers[-1].id] = tuple(layers)
    emptied = {
        layer.id for last, layers in sources.items() for layer in layers if layer.id != last and _has_bias(layer)
    }

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in emptied:
            bare = node.op.model_copy(update={"bias": False, "bias_init": None})
            return rewriter.replace(node, bare, weights={"weight": WeightSlice(f"{node.name}.weight")})
        if node.id in sources:
            return rewriter.replace(node, add_bias(node), weights=_sum_biases(node, sources[node.id]))
        return None

    return rewrite_graph(graph, rewrite)


def _sum_biases(node: Node, layers: tuple[Node, ...]) -> Mapping[str, WeightSource]:
    biases = tuple(WeightSlice(f"{layer.name}.bias") for layer in layers if _has_bias(layer))
    bias = biases[0] if len(biases) == 1 else WeightSum(biases)
    return {"weight": WeightSlice(f"{node.name}.weight"), "bias": bias}


def _is_inner_sum(graph: Graph, add: Node) -> bool:
    """Whether the only consumer of a sum is another sum."""
    consumer = graph.only_user(add.outputs[0])
    return consumer is not None and adds_equals(consumer)


def _find_layers(graph: Graph, add: Node) -> Iterator[Node]:
    """The convolutions whose results a sum adds, directly or through sums without other consumers."""
    if not adds_equals(add):
        return
    once = (value for value, count in Counter(add.inputs).items() if count == 1)
    for value in once:
        yield from _find_layers_behind(graph, value)


def _find_layers_behind(graph: Graph, value: Value) -> Iterator[Node]:
    node = graph.nodes[value.node]
    if not isinstance(node, Node) or graph.only_user(value) is None:
        return
    if isinstance(node.op, Add):
        yield from _find_layers(graph, node)
    elif isinstance(node.op, Conv | ConvTranspose) and node.path and not graph.shares_module(node):
        yield node


def _has_bias(layer: Node) -> bool:
    return isinstance(layer.op, Conv | ConvTranspose) and layer.op.bias
