"""What a pass is: a function from a graph to a graph, and the words by which a spec asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from archspec.graph import Graph, Input, Node, Value

Pass = Callable[..., Graph]
"""`def name(graph, *, argument: type = default) -> Graph`; its keyword arguments are those of its word."""


class PassError(ValueError):
    """A graph to which a pass cannot be applied."""

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help


def arguments(function: Pass) -> type[BaseModel]:
    """The model of a pass's keyword arguments, for checking them and for the JSON Schema."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    config = ConfigDict(extra="forbid", frozen=True, strict=True)
    return create_model(function.__name__, __config__=config, __doc__=function.__doc__, **fields)


def rebuild(graph: Graph, change: Callable[[Graph, Node, tuple[Value, ...]], tuple[Value, ...]]) -> Graph:
    """A graph made anew, node by node in order.

    `change` gets the new graph, a node of the old one and the new values of its inputs; it adds what stands for the node
    (`keep` adds the node as it was) and gives the values that stand for its outputs. Scopes stay.
    """
    new = Graph(graph.name, graph.source, scopes=list(graph.scopes))
    values: dict[Value, Value] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            made: tuple[Value, ...] = (new.input(node.name, node.outputs[0].shape, node.span),)
        else:
            made = change(new, node, tuple(values[value] for value in node.inputs))
        values.update(zip(node.outputs, made, strict=True))
    new.outputs = {name: values[value] for name, value in graph.outputs.items()}
    return new


def keep(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """Adds a node as it was."""
    return graph.add(node.op, inputs, node.path, scope=node.scope, span=node.span, use=node.use)
