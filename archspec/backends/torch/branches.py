"""Branches that are not computed where stochastic depth drops them: an `if` in the code that fx writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import fx
from torch.fx.graph import _format_target

from archspec.backends.torch.fault import assigned
from archspec.backends.torch.modules import DropPath

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch in an fx graph: what is needed for nothing but the operand of a drop path's call, in order.

    `like` is a value of the branch's shape that is there before: another operand of the sum that the branch enters.
    """

    drop: fx.Node
    nodes: tuple[fx.Node, ...]
    like: fx.Node


def skipping(model: fx.GraphModule) -> AbstractContextManager[object]:
    """A context in which the code written of a model's graph leaves out the branches that are dropped.

    Nodes may change their order in the graph: a branch stands right before the sum that it enters.
    """
    branches = arrange(model)
    if not branches:
        return nullcontext()
    return model.graph.on_generate_code(lambda before: lambda body: _guard(before(body) if before else body, branches))


def arrange(model: fx.GraphModule) -> list[Branch]:
    """The branches of a model that can be left out, inner ones first, each moved to right before the sum that it enters."""
    drops = [node for node in model.graph.nodes if _drops_batches(model, node)]
    branches = []
    for at, drop in enumerate(drops):
        nodes, like = _behind(drop), _beside(drop, drops[at + 1 :])
        if not nodes or like is None:
            continue
        (total,) = drop.users
        for node in (*nodes, drop):
            total.prepend(node)
        branches.append(Branch(drop, nodes, like))
    return branches


def _drops_batches(model: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "call_module":
        return False
    module = model.get_submodule(str(node.target))
    return isinstance(module, DropPath) and module.mode == "batch"


def _behind(drop: fx.Node) -> tuple[fx.Node, ...]:
    """The nodes whose every use leads to `drop` alone."""
    inside = {drop}
    waiting = list(drop.all_input_nodes)
    while waiting:
        node = waiting.pop()
        if node not in inside and node.op != "placeholder" and inside.issuperset(node.users):
            inside.add(node)
            waiting += node.all_input_nodes
    return tuple(sorted(inside - {drop}))


def _beside(drop: fx.Node, unplaced: Collection[fx.Node]) -> fx.Node | None:
    """Another operand of the sum, of two values or more, that only `drop` enters, if it is there before that sum begins.

    In a sum of values without a batch axis there is none: it would not have the branch's shape.
    """
    value, start = drop, None
    while len(value.users) == 1:
        (total,) = value.users
        operands = [operand for operand in total.args if isinstance(operand, fx.Node)]
        if total.target is not torch.add or len(operands) != 2 or not total.meta.get("batched", True):
            return None
        start = total if start is None else start
        other = operands[operands[0] is value]
        if other < start and other.op != "get_attr" and other not in unplaced:
            return other
        value = total
    return None


def _guard(body: list[str], branches: list[Branch]) -> list[str]:
    """The statements of a `forward`, those of each branch in the `else` of an `if`."""
    firsts: dict[str, list[Branch]] = {}
    for branch in reversed(branches):  # outer ones open first
        firsts.setdefault(branch.nodes[0].name, []).append(branch)
    lasts = {branch.drop.name: branch for branch in branches}
    names = {node.name for branch in branches for node in branch.drop.graph.nodes}
    depth = 0
    lines = []
    for line in "".join(body).splitlines(keepends=True):
        name = assigned(line)
        for branch in firsts.get(name, ()):
            lines += [_INDENT * depth + text for text in _opening(branch, _kept(branch, names))]
            depth += 1
        if name in lasts:
            operand = lasts[name].drop.args[0]
            line = line.replace(f"({operand})", f"({operand}, {_kept(lasts[name], names)})", 1)
            depth -= 1
        lines.append(_INDENT * depth + line)
    return lines


def _opening(branch: Branch, kept: str) -> Iterator[str]:
    yield f"{kept} = {_format_target('self', str(branch.drop.target))}.draw({branch.like})\n"
    yield f"if {kept} is False:\n"
    yield f"{_INDENT}{branch.drop.args[0]} = torch.zeros_like({branch.like})\n"
    yield "else:\n"


def _kept(branch: Branch, names: Collection[str]) -> str:
    """A name for what was drawn that is no node's."""
    name = f"{branch.drop.name}_kept"
    while name in names:
        name += "_"
    return name
