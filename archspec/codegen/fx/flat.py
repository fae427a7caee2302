"""Flattens a nested network into one graph."""

from __future__ import annotations

from typing import Any

from torch import fx

from archspec.codegen.fx.block import Block
from archspec.codegen.fx.block_class import BlockClass
from archspec.codegen.fx.outputs import name_output_type


def flatten_model(model: fx.GraphModule) -> fx.GraphModule:
    """The network as one graph without nested modules; outputs, weights and names are the same.

    The modules are those of `model` and not copies. Hooks on the nested modules are no longer called.

    >>> import archspec
    >>> flat = flatten_model(archspec.load("lstm").build(device="meta"))
    >>> sum(1 for node in flat.graph.nodes if node.op == "placeholder")
    3
    """
    graph = fx.Graph()
    inputs = [graph.node_copy(node) for node in model.graph.nodes if node.op == "placeholder"]
    graph.output(_inline_block(model, "", inputs, graph))
    name_output_type(graph)
    flat: Block = BlockClass(type(model).__name__, Block).new()
    fx.GraphModule.__init__(flat, model, graph, type(model).__name__)
    flat.train(model.training)
    return flat


def _inline_block(model: fx.GraphModule, prefix: str, inputs: list[fx.Node], graph: fx.Graph) -> Any:
    """Copies a model's nodes into `graph` with `inputs` as arguments, and returns its output there."""
    copied: dict[fx.Node, Any] = {}
    given = iter(inputs)
    for node in model.graph.nodes:
        if node.op == "placeholder":
            copied[node] = next(given)
        elif node.op == "output":
            return fx.map_arg(node.args[0], copied.__getitem__)
        elif node.op == "call_module" and isinstance(inner := model.get_submodule(str(node.target)), Block):
            arguments = [copied[operand] for operand in node.args]
            copied[node] = _inline_block(inner, f"{prefix}{node.target}.", arguments, graph)
        elif _is_output_pick(node, copied):
            copied[node] = copied[node.args[0]][node.args[1]]
        else:
            copied[node] = _copy_node(node, prefix, copied, graph)
    raise ValueError("a graph without an output")


def _copy_node(node: fx.Node, prefix: str, copied: dict[fx.Node, Any], graph: fx.Graph) -> fx.Node:
    target = f"{prefix}{node.target}" if node.op in ("call_module", "get_attr") else node.target
    args = fx.map_arg(node.args, copied.__getitem__)
    kwargs = fx.map_arg(node.kwargs, copied.__getitem__)
    new = graph.create_node(node.op, target, args, kwargs)
    new.meta = dict(node.meta)
    return new


def _is_output_pick(node: fx.Node, copied: dict[fx.Node, Any]) -> bool:
    """Whether a node extracts one of several outputs of an inlined block."""
    return bool(node.args) and isinstance(node.args[0], fx.Node) and isinstance(copied[node.args[0]], tuple | list)
