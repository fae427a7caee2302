"""Adds an `if` to the code of fx graphs that skips branches which stochastic depth drops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import fx
from torch.fx.graph import _format_target

from archspec.codegen.branches import Item, Operation, Role, arrange_branches
from archspec.codegen.fx.error_context import assigned_name
from archspec.codegen.fx.inplace_sum import add
from archspec.codegen.fx.modules import DropPath
from archspec.ir.names import append_underscores, find_free_name

_INDENT = "    "
_AND_FREE = ";  "
"""Between a statement and `x = None`. In a branch torch.jit.script takes no such change of a type, so that it stands after it."""


@dataclass(frozen=True, slots=True)
class SkippedBranch:
    """A branch in an fx graph: its first node, the call of its drop path, and an earlier value of its shape."""

    first: fx.Node
    drop: fx.Node
    like: fx.Node


def skip_dropped_branches(model: fx.GraphModule) -> AbstractContextManager[object]:
    """A context in which the code generated from a model's graph skips dropped branches.

    Nodes are reordered so that a branch is directly before its sum.
    """
    skipped = reorder_branches(model)
    if not skipped:
        return nullcontext()
    return model.graph.on_generate_code(
        lambda before: lambda body: _guard_branches(before(body) if before else body, skipped)
    )


def reorder_branches(model: fx.GraphModule) -> list[SkippedBranch]:
    """Moves each branch that can be skipped directly before its sum, and returns them, outer ones first."""
    nodes = [node for node in model.graph.nodes if node.op not in ("placeholder", "output")]
    operations = [Operation(tuple(node.all_input_nodes), (node,), _find_role(model, node)) for node in nodes]
    if all(operation.role != "drop" for operation in operations):
        return []
    (end,) = model.graph.find_nodes(op="output")
    skipped: list[SkippedBranch] = []
    for node in _place_items(arrange_branches(operations, end.all_input_nodes), nodes, skipped):
        end.prepend(node)
    return skipped


def _place_items(items: Iterable[Item], nodes: list[fx.Node], skipped: list[SkippedBranch]) -> Iterator[fx.Node]:
    """Yields the nodes in order, and adds the branches to `skipped`."""
    for item in items:
        if isinstance(item, int):
            yield nodes[item]
            continue
        place = len(skipped)
        inside = list(_place_items(item.items, nodes, skipped))
        skipped.insert(place, SkippedBranch(inside[0], nodes[item.drop], item.like))  # type: ignore[arg-type]
        yield from (*inside, nodes[item.drop])


def _find_role(model: fx.GraphModule, node: fx.Node) -> Role:
    if node.op == "get_attr":
        return "constant"
    if node.op == "call_function" and node.target in (torch.add, add) and len(node.all_input_nodes) == 2:
        return "sum" if node.meta.get("aligned", True) else "other"
    if node.op != "call_module":
        return "other"
    module = model.get_submodule(str(node.target))
    return "drop" if isinstance(module, DropPath) and module.mode == "batch" else "other"


def _guard_branches(body: list[str], branches: list[SkippedBranch]) -> list[str]:
    """The statements of a `forward`, with those of each branch in the `else` of an `if`."""
    firsts: dict[str, list[SkippedBranch]] = {}
    for branch in branches:
        firsts.setdefault(branch.first.name, []).append(branch)
    lasts = {branch.drop.name: branch for branch in branches}
    names = {node.name for branch in branches for node in branch.drop.graph.nodes}
    depth = 0
    lines: list[str] = []
    freed: list[str] = []
    for line in "".join(body).splitlines():
        name = assigned_name(line)
        for branch in firsts.get(name, ()):
            lines += [_INDENT * depth + text for text in _open_guard(branch, _name_kept(branch, names))]
            depth += 1
        if name in lasts:
            operand = lasts[name].drop.args[0]
            line = line.replace(f"({operand})", f"({operand}, {_name_kept(lasts[name], names)})", 1)
            depth -= 1
        statement, *ends = line.split(_AND_FREE)
        freed += ends
        if depth == 0:
            statement, freed = _AND_FREE.join([statement, *freed]), []
        lines.append(f"{_INDENT * depth}{statement}\n")
    return lines


def _open_guard(branch: SkippedBranch, kept: str) -> Iterator[str]:
    yield f"{kept} = {_format_target('self', str(branch.drop.target))}.draw({branch.like})\n"
    yield f"if {kept} is False:\n"
    yield f"{_INDENT}{branch.drop.args[0]} = torch.zeros_like({branch.like})\n"
    yield "else:\n"


def _name_kept(branch: SkippedBranch, names: Collection[str]) -> str:
    """A name for the result of the draw that no node has."""
    return find_free_name(f"{branch.drop.name}_kept", names, variant=append_underscores)[0]
