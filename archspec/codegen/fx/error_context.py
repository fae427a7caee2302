"""Adds to exceptions in a network's `forward` the layer, its span in the spec, and the expected and actual sizes."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import fx

from archspec.numerals import format_sizes


def add_error_context(error: Exception, blocks: type[fx.GraphModule]) -> None:
    """Adds a note with the layer and its span to an exception from the `forward` of one of `blocks`, unless it has one."""
    if getattr(error, "_archspec_located", False):
        return
    frame, line = _find_innermost_frame(error.__traceback__, blocks)
    if frame is None:
        return
    block = frame.f_locals["self"]
    node = _node_at(block, line)
    place = node.meta.get("custom", {}).get("archspec") if node is not None else None
    if node is None or place is None:
        return
    error._archspec_located = True  # type: ignore[attr-defined]
    named = f"layer {place['path']} ({place['op']})" if place["path"] else f"a layer ({place['op']})"
    error.add_note(f"in {named} of {place['network']}, at {place['at']}")
    for expected, got in _operand_sizes(node, frame):
        if expected != got[1:]:
            error.add_note(
                f"expected {format_sizes(expected)} after the batch axis, got {format_sizes(got[1:])} in a tensor of {list(got)}"
            )


def _find_innermost_frame(trace: TracebackType | None, blocks: type[fx.GraphModule]) -> tuple[FrameType | None, int]:
    innermost: tuple[FrameType | None, int] = None, 0
    while trace is not None:
        block = trace.tb_frame.f_locals.get("self")
        if isinstance(block, blocks) and trace.tb_frame.f_code is type(block).forward.__code__:
            innermost = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    return innermost


def _node_at(block: fx.GraphModule, line: int) -> fx.Node | None:
    """The node of a line of generated code, which assigns to the node's name."""
    lines = block.code.splitlines()
    name = assigned_name(lines[line - 1]) if 0 < line <= len(lines) else ""
    return next((node for node in block.graph.nodes if node.name == name), None)


def assigned_name(line: str) -> str:
    """The name that a line of generated code assigns to."""
    return line.partition("=")[0].partition(":")[0].strip()


def _operand_sizes(node: fx.Node, frame: FrameType) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For each operand, the expected sizes and the actual ones, with the batch."""
    for operand, expected in zip(node.all_input_nodes, node.meta.get("operand_sizes", ()), strict=False):
        got: Any = frame.f_locals.get(operand.name)
        if expected is not None and isinstance(got, torch.Tensor):
            yield expected, tuple(got.shape)
