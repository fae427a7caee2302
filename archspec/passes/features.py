"""The pass `features`: a network that returns values inside it, without the layers that none of them needs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from archspec.ir.graph import Graph, Value
from archspec.ir.parts import NamedParts, UnknownPartError
from archspec.ir.uses import find_ancestors
from archspec.passes.contract import PassError, graph_pass
from archspec.passes.rewriter import rewire_graph

Outputs = Annotated[
    tuple[str, ...],
    Field(min_length=1, description="the parts whose values are returned, by name, in this order"),
]


@graph_pass("spec", keeps=None, changes_outputs=True)
def features(graph: Graph, *, outputs: Outputs) -> Graph:
    """Returns the values of parts of the network, such as its stages, and removes the layers that they do not depend on.

    The value of a part is the last one that is used outside it. An output has the name of its part, with `_` for each dot. The
    remaining layers keep their names, and so their weights.

    Raises:
        PassError: there is no such part, or two outputs would have one name.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: two, input: [4], stages: {a: [linear: 3, relu], b: {linear: 2}, c: {linear: 1}}}")
    >>> print(format_graph(features(before.graph, outputs=("a.0", "b"))))
    %0 = input input: 4
    %1 = linear(out=3) %0: 3  a.0
    %2 = relu %1: 3  a.1
    %3 = linear(out=2) %2: 2  b
    a_0 = %1
    b = %3
    """
    values = {name: _find_value(graph, name, index) for index, name in enumerate(outputs)}
    names = {name: name_output(name) for name in values}
    if len(set(names.values())) < len(names):
        raise PassError(f"two of the outputs {', '.join(names)} would have one name", argument=("outputs",))
    needed = find_ancestors(graph, (value.node for value in values.values()))
    order = [node.id for node in graph.ops if node.id in needed]
    operands = {node.id: node.inputs for node in graph.ops}
    return rewire_graph(graph, order, operands, {names[name]: value for name, value in values.items()})


def name_output(part: str) -> str:
    """The name of the output of a part, which Python can use.

    >>> name_output("layer3.5"), name_output("0.2")
    ('layer3_5', 'features_0_2')
    """
    name = part.replace(".", "_").replace("-", "_")
    return name if name.isidentifier() else f"features_{name}"


def _find_value(graph: Graph, name: str, index: int) -> Value:
    """The output of a name, or the last value of a part that is used outside it. Raises `PassError`."""
    if name in graph.outputs:
        return graph.outputs[name]
    try:
        return graph.derive(NamedParts).find(name).outputs[-1]
    except UnknownPartError as error:
        raise PassError(error.message, help=error.help, argument=("outputs", index)) from None
