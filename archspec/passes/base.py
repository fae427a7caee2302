"""What a pass is: a function from a graph to a graph, and the words by which a spec asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from archspec import meter
from archspec.errors import ArchspecError, Span
from archspec.ir.graph import Graph, Input, Node, Path, Value
from archspec.ir.weight_provenance import WeightMap

Pass = Callable[..., Graph]
"""`def name(graph, *, argument: type = default) -> Graph`; its keyword arguments are those of its word."""


class PassError(ArchspecError, ValueError):
    """A graph to which a pass cannot be applied."""

    def __init__(
        self, message: str, *, help: str | None = None, span: Span | None = None, argument: tuple[str | int, ...] = ()
    ) -> None:
        """`span` is the part of the spec that makes it so; `argument` leads to what is wrong in the pass's arguments."""
        super().__init__(message)
        self.message, self.help, self.span, self.argument = message, help, span, argument


def make_arguments_model(function: Pass) -> type[BaseModel]:
    """The model of a pass's keyword arguments, for checking them and for the JSON Schema."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    config = ConfigDict(extra="forbid", frozen=True, strict=True)
    return create_model(function.__name__, __config__=config, __doc__=function.__doc__, **fields)


NodeRewrite = Callable[[Graph, Node, tuple[Value, ...]], tuple[Value, ...] | None]


def rebuild_graph(graph: Graph, change: NodeRewrite) -> Graph:
    """A graph made anew, node by node in order.

    `change` gets the new graph, a node of the old one and the new values of its inputs; it adds what stands for the node
    (`keep_node` adds the node as it was) and gives the values that stand for its outputs, or None for a node that is left out.
    Scopes stay.
    """
    new = graph.copy_without_nodes()
    values: dict[Value, Value] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            made: tuple[Value, ...] | None = (new.add_input(node.name, node.outputs[0].shape, node.span),)
        else:
            made = change(new, node, tuple(values[value] for value in node.inputs if value in values))
        if made is not None:
            values.update(zip(node.outputs, made, strict=True))
    new.outputs = {name: values[value] for name, value in graph.outputs.items()}
    return new


def rewire_graph(
    graph: Graph, order: Iterable[int], operands: Mapping[int, tuple[Value, ...]], outputs: Mapping[str, Value]
) -> Graph:
    """A graph of nodes as they were, in another order and with other `operands`; those not in `order` are left out.

    Operands and outputs are values of the old graph; each is made before it is read. Scopes stay.

    Raises:
        ShapeError: new operands do not fit.
    """
    new = graph.copy_without_nodes()
    values = {
        value: new.add_input(name, value.shape, graph.nodes[value.node].span) for name, value in graph.inputs.items()
    }
    for id in order:
        node = graph.nodes[id]
        assert isinstance(node, Node), "inputs are made already"
        made = keep_node(new, node, tuple(values[value] for value in operands[id]))
        values.update(zip(node.outputs, made, strict=True))
    new.outputs = {name: values[value] for name, value in outputs.items()}
    return new


def keep_node(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """Adds a node as it was."""
    return graph.add_node(node.op, inputs, node.path, region=node.region, span=node.span, use=node.use)


def with_weight_map(graph: Graph, weight_map: WeightMap) -> Graph:
    """A graph that a pass has made, with what it did to the weights; the graph itself."""
    graph.weight_provenance = (*graph.weight_provenance, weight_map)
    return graph


class FreeNames:
    """Names for new modules and scopes beside the old ones: `droppath`, `droppath2`, …

    The names of nodes that the pass is to leave out, `without`, are free.
    """

    def __init__(self, graph: Graph, without: Collection[int] = ()) -> None:
        paths = {node.path for node in graph.ops if node.id not in without} | {region.path for region in graph.regions}
        meter.charge_work("passes", sum(len(path) * (2 + len(path) // 8) for path in paths))
        self.taken = {path[:length] for path in paths for length in range(1, len(path) + 1)}
        self.counts: dict[Path, int] = {}

    def take(self, around: Path, name: str) -> Path:
        """The path of a new thing inside `around`, called `name` or, if that is taken, `name2`, `name3`, …; a number goes on."""
        first = (*around, name)
        count = self.counts.get(first, 1)
        path = first if count == 1 else _numbered(around, name, count)
        while path in self.taken:
            count += 1
            path = _numbered(around, name, count)
        self.counts[first] = count
        self.taken.add(path)
        return path


def _numbered(around: Path, name: str, count: int) -> Path:
    return (*around, str(int(name) + count - 1) if name.isdecimal() else f"{name}{count}")
