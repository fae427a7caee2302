"""Builds the new graph of a pass node by node, and records the provenance of its weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, NoReturn, TypeVar

from archspec import meter
from archspec.ir.graph import Graph, Input, Node, Path, Value
from archspec.ir.weight_provenance import (
    NewWeight,
    RemovedWeight,
    WeightMap,
    WeightSlice,
    WeightSource,
)
from archspec.numerals import format_sizes
from archspec.ops.base import Op, ShapeError
from archspec.passes.check import BrokenGraphError
from archspec.spans import Span

_KEPT = 12  # units of work for a node that is kept

Group = TypeVar("Group")
Values = tuple[Value, ...]
Weights = Mapping[str, WeightSource] | Literal["kept", "new"]
"""The sources of the weights of an added node, by their names in the node; "kept" for those of the node that it is made for,
"new" for newly initialised ones."""


class Rewriter:
    """A new graph under construction, with the values and weights that replace those of the graph `before`.

    Kept nodes are added lazily, so that a pass that keeps all of them costs nothing.

    >>> import archspec
    >>> before = archspec.load("{name: small, input: [4], stages: {body: [linear: 2, relu]}}").graph
    >>> after = rewrite_graph(before, lambda rewriter, node: rewriter.operands(node) if node.op.word == "relu" else None)
    >>> [node.op.word for node in after.ops]
    ['linear']
    """

    def __init__(self, before: Graph, left_out: Collection[int] = ()) -> None:
        self.before = before
        self._graph = before.copy_without_nodes(left_out)
        self._values: dict[Value, Value] = {}
        self._waiting: list[Node | Input] = []
        self._sources: dict[str, WeightSource | NewWeight] = {}
        self._kept, self._made = set[Path](), set[Path]()

    @property
    def graph(self) -> Graph:
        """The new graph, so far."""
        self._add_waiting()
        return self._graph

    def wait(self, node: Node | Input) -> None:
        """Keeps a node; it is added as soon as another one is added after it."""
        self._waiting.append(node)

    def _add_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for node in waiting:
            self.stand_for(node, self._keep_input(node) if isinstance(node, Input) else self.keep(node))

    def unique_path(self, region: int, stem: str) -> Path:
        """Takes a free name in a region: `stem`, or `stem2`, `stem3`, …"""
        return self._graph.unique_path(self._graph.regions[region].path, stem)

    def operands(self, node: Node) -> Values:
        """The new values of the operands of a node."""
        return self.find_values(node.inputs, node)

    def find_values(self, values: Iterable[Value], reader: Node | None = None) -> Values:
        """The new values of some values of the graph before. Raises `BrokenGraphError` if one has none."""
        self._add_waiting()
        known = self._values
        return tuple([known[value] if value in known else self._miss_value(value, reader) for value in values])

    def _miss_value(self, value: Value, reader: Node | None) -> NoReturn:
        producer = self.before.nodes[value.node]
        label = f"{producer.name or producer.op.word}" if isinstance(producer, Node) else producer.name
        raise BrokenGraphError(f"it needs {label}, which is left out", reader)

    def _keep_input(self, node: Input) -> Values:
        return (self._graph.add_input(node.name, node.outputs[0].shape, node.span),)

    def stand_for(self, node: Node | Input, values: Values) -> None:
        """Sets the new values of the outputs of a node of the graph before; no values if it is left out."""
        if values:
            self._values.update(zip(node.outputs, values, strict=True))

    def keep(self, node: Node, inputs: Values | None = None) -> Values:
        """Adds a node unchanged, with its weights; without `inputs`, its operands are the new values of its old ones."""
        inputs = self.operands(node) if inputs is None else inputs
        if tuple([value.shape for value in inputs]) == node.input_shapes:
            made = self._add_unchanged(node, inputs)
        else:
            made = self._add(node.op, inputs, node.path, node, node.region, node.span)
            _check_kept_weights(node, self._last)
        self._kept.add(node.path)
        self._check_sharing(node)
        return made

    def _add_unchanged(self, node: Node, inputs: Values) -> Values:
        """Adds a node with its known output shapes, which `check_result` infers again."""
        meter.charge_work("passes", _KEPT + (len(inputs) + len(node.path)) // 4)
        return self._graph.add_shaped_node(
            node.op, inputs, node.output_shapes, node.path, region=node.region, span=node.span, use=node.use
        )

    def _check_sharing(self, node: Node) -> None:
        """Checks that all uses of a module keep its weights, or all get the same new ones."""
        if node.path and node.path in self._kept and node.path in self._made:
            raise BrokenGraphError("one use keeps the weights of this module, another changes them", node)

    @property
    def _last(self) -> Node:
        node = self._graph.nodes[-1]
        assert isinstance(node, Node), "it has just been added"
        return node

    def replace(self, node: Node, op: Op, inputs: Values | None = None, *, weights: Weights | None = None) -> Values:
        """Adds an op that replaces a node and has its name.

        Args:
            node: The node of the graph before.
            op: The new op.
            inputs: The operands; the new values of the node's operands if None.
            weights: The sources of its weights; may be left out if it has none.
        """
        inputs = self.operands(node) if inputs is None else inputs
        return self.add(op, inputs, node, path=node.path, weights=weights)

    def add(
        self,
        op: Op,
        inputs: Values,
        made_for: Node,
        *,
        path: Path = (),
        region: int | None = None,
        span: Span | None = None,
        weights: Weights | None = None,
    ) -> Values:
        """Adds a new node.

        Args:
            op: Its op.
            inputs: Its operands, values of the new graph.
            made_for: The node of the graph before that it is made for, from which it gets its region, span and use.
            path: Its name, which must be free; empty if the op has no module of its own.
            region: The region, if not that of `made_for`.
            span: The span in the spec, if not that of `made_for`.
            weights: The sources of its weights; may be left out if it has none.

        Raises:
            BrokenGraphError: the operands do not fit, or weights are not accounted for.
        """
        region, span = made_for.region if region is None else region, span or made_for.span
        made = self._add(op, inputs, path, made_for, region, span)
        node = self._last
        shapes = {weight.name: weight.shape for weight in node.weights}
        for name, source in _resolve_weights(shapes, weights, made_for, node).items():
            self._record(f"{node.name}.{name}" if name else node.name, source, node)
        return made

    def _add(self, op: Op, inputs: Values, path: Path, made_for: Node, region: int, span: Span) -> Values:
        try:
            return self.graph.add_node(op, inputs, path, region=region, span=span, use=made_for.use)
        except ShapeError as error:
            raise BrokenGraphError(error.message, made_for) from error

    def _record(self, name: str, source: WeightSource | NewWeight, node: Node) -> None:
        if self._sources.setdefault(name, source) != source:
            raise BrokenGraphError(f"two uses of one module are given different weights {name}", node)
        if source != WeightSlice(name):
            self._made.add(node.path)
            self._check_sharing(node)

    def finish(self, outputs: Mapping[str, Value]) -> Graph:
        """The new graph with the new values of `outputs` as its outputs, and with the weight map of the pass."""
        self.graph.outputs = dict(zip(outputs, self.find_values(outputs.values()), strict=True))
        gone = (node for node in self.before.ops if node.path not in self._kept)
        removed = {name: RemovedWeight() for node in gone for name in node.weight_shapes}
        changed = {name: source for name, source in self._sources.items() if source != WeightSlice(name)}
        weight_map: WeightMap = {
            **changed,
            **{name: fate for name, fate in removed.items() if name not in self._sources},
        }
        if weight_map:
            self._graph.weight_provenance = (*self._graph.weight_provenance, weight_map)
        return self._graph.freeze()


def _check_kept_weights(before: Node, after: Node) -> None:
    """Raises `BrokenGraphError` if the new operands of a kept node change the shapes of its weights."""
    shapes = before.weight_shapes
    for name, shape in after.weight_shapes.items():
        if shapes.get(name) != shape:
            was = format_sizes(shapes[name]) if name in shapes else "not there"
            raise BrokenGraphError(f"{name} is {was} before and {format_sizes(shape)} after", before)


def _resolve_weights(
    shapes: Mapping[str, tuple[int, ...]], weights: Weights | None, made_for: Node, node: Node
) -> Mapping[str, WeightSource | NewWeight]:
    """The source of each weight of a new node. Raises `BrokenGraphError` unless `weights` names exactly these."""
    if weights == "kept":
        return {name: WeightSlice(f"{made_for.name}.{name}" if name else made_for.name) for name in shapes}
    if weights == "new":
        return {name: NewWeight(shape) for name, shape in shapes.items()}
    given = weights or {}
    if given.keys() != shapes.keys():
        got, wanted = (", ".join(names) or "none" for names in (given, shapes))
        raise BrokenGraphError(f"its weights are {wanted}; what they are made of is said of {got}", node)
    return given


NodeRewrite = Callable[[Rewriter, Node], Values | None]
"""Adds the nodes that replace a node and returns the new values of its outputs: an empty tuple leaves it out, None keeps it."""


def rewrite_graph(graph: Graph, rewrite: NodeRewrite, left_out: Collection[int] = ()) -> Graph:
    """A graph rebuilt node by node in order; the graph itself if `rewrite` keeps every node.

    `rewrite` gets the rewriter and a node of the graph before. Regions and inputs are kept. The names of the nodes with ids in
    `left_out` are free for new ones.

    Raises:
        BrokenGraphError: operands do not fit, a node that is left out has a consumer, or weights are not accounted for.

    >>> from archspec.ir.shape import Shape
    >>> from archspec.ir.text import format_graph
    >>> from archspec.ops.activation import GELU, ReLU
    >>> before = Graph("two")
    >>> x = before.add_input("x", Shape.of(4))
    >>> before.add_output("y", *before.add_node(ReLU(), before.add_node(ReLU(), (x,))))
    >>> print(format_graph(rewrite_graph(before, lambda rewriter, node: rewriter.replace(node, GELU()))))
    %0 = input x: 4
    %1 = gelu %0: 4
    %2 = gelu %1: 4
    y = %2
    """
    rewriter, changed = Rewriter(graph, left_out), False
    for node in graph.nodes:
        made = None if isinstance(node, Input) else rewrite(rewriter, node)
        if made is None:
            rewriter.wait(node)
        else:
            rewriter.stand_for(node, made)
            changed = True
    return rewriter.finish(graph.outputs) if changed else graph


def replace_groups(
    graph: Graph,
    groups: Mapping[int, Group],
    inside: Collection[int],
    add: Callable[[Rewriter, Group], Values],
    left_out: Collection[int] = (),
) -> Graph:
    """A graph in which each group of nodes is replaced by what `add` adds for it, in the place of the group's last node.

    `groups` has them by the id of that node; `inside` are the other nodes of the groups; `left_out` and errors are as in `rewrite_graph`.

    >>> from archspec import load
    >>> from archspec.ops import BY_WORD
    >>> graph = load("{name: a, input: [4], stages: {body: [relu, gelu]}}").graph
    >>> relu, gelu = graph.ops
    >>> def add(rewriter, group):
    ...     return rewriter.replace(group[1], BY_WORD["silu"](), rewriter.operands(group[0]))
    >>> [node.op.word for node in replace_groups(graph, {gelu.id: (relu, gelu)}, {relu.id}, add).ops]
    ['silu']
    """

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in inside:
            return ()
        return add(rewriter, groups[node.id]) if node.id in groups else None

    return rewrite_graph(graph, rewrite, left_out)


def rewire_graph(
    graph: Graph, order: Iterable[int], operands: Mapping[int, Values], outputs: Mapping[str, Value]
) -> Graph:
    """The nodes of a graph in another order and with other `operands`; nodes that are not in `order` are left out.

    Operands and outputs are values of the old graph; producers come before their consumers. Regions and inputs are kept.

    Raises:
        BrokenGraphError: new operands do not fit, or change the shape of a weight.

    >>> import archspec
    >>> before = archspec.load("{name: small, input: [4], stages: {body: [linear: 4, relu]}}").graph
    >>> image, linear, relu = before.nodes
    >>> after = rewire_graph(before, [relu.id], {relu.id: image.outputs}, {"output": relu.outputs[0]})
    >>> [node.op.word for node in after.ops]
    ['relu']
    """
    rewriter = Rewriter(graph)
    for value in graph.inputs.values():
        rewriter.wait(graph.nodes[value.node])
    for id in order:
        node = graph.nodes[id]
        assert isinstance(node, Node), "inputs are made already"
        rewriter.stand_for(node, rewriter.keep(node, rewriter.find_values(operands[id], node)))
    return rewriter.finish(outputs)
