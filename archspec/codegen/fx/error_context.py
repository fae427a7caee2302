"""Adds to exceptions in a network's `forward` the layer, its span in the spec, and the expected and actual sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import fx

from archspec.numerals import format_sizes


def add_error_context(error: Exception, blocks: type[fx.GraphModule]) -> None:
    """Adds a note with the layer and its span to an exception from the `forward` of one of `blocks`, unless it has one."""
    if getattr(error, "_archspec_located", False):
        return
    trace = _find_innermost_block(error.__traceback__, blocks)
    if trace is None:
        return
    node, values = trace.tb_frame.f_locals["self"]._find_node(trace)
    place = node.meta.get("custom", {}).get("archspec") if node is not None else None
    if node is None or place is None:
        return
    error._archspec_located = True  # type: ignore[attr-defined]
    named = f"layer {place['path']} ({place['op']})" if place["path"] else f"a layer ({place['op']})"
    error.add_note(f"in {named} of {place['network']}, at {place['at']}")
    for expected, got in _operand_sizes(node, values):
        if expected != got[1:]:
            error.add_note(
                f"expected {format_sizes(expected)} after the batch axis, got {format_sizes(got[1:])} in a tensor of {list(got)}"
            )


def _find_innermost_block(trace: TracebackType | None, blocks: type[fx.GraphModule]) -> TracebackType | None:
    innermost = None
    while trace is not None:
        block = trace.tb_frame.f_locals.get("self")
        if isinstance(block, blocks) and trace.tb_frame.f_code is type(block).forward.__code__:
            innermost = trace
        trace = trace.tb_next
    return innermost


def find_assignment(block: fx.GraphModule, line: int) -> fx.Node | None:
    """The node of a line of generated code, which assigns to the node's name."""
    lines = block.code.splitlines()
    name = assigned_name(lines[line - 1]) if 0 < line <= len(lines) else ""
    return next((node for node in block.graph.nodes if node.name == name), None)


def assigned_name(line: str) -> str:
    """The name that a line of generated code assigns to."""
    return line.partition("=")[0].partition(":")[0].strip()


def _operand_sizes(node: fx.Node, values: Mapping[str, Any]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For each operand, the expected sizes and the actual ones, with the batch."""
    for operand, expected in zip(node.all_input_nodes, node.meta.get("operand_sizes", ()), strict=False):
        got: Any = values.get(operand.name)
        if expected is not None and isinstance(got, torch.Tensor):
            yield expected, tuple(got.shape)
