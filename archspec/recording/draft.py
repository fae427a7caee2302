"""Defines drafts: the ops of a recorded model while they are rewritten, before they are a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from archspec.ops.base import Op
from archspec.recording.trace import Path


@dataclass(eq=False, slots=True)
class DraftValue:
    """A value of a draft: its shape, and the node that makes it; None for an input."""

    shape: Shape
    node: DraftNode | None = None
    users: list[DraftNode] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class DraftNode:
    """An op of a draft, applied to values."""

    op: Op
    inputs: list[DraftValue]
    outputs: list[DraftValue]
    scope: Path
    """The path of the module that calls it."""
    path: Path | None = None
    """The name of its module or tensor."""
    line: str = ""
    uses: Mapping[Path, int] = field(default_factory=dict)
    """For each module around its call, how often that was called before."""

    @property
    def word(self) -> str:
        return self.op.word

    @property
    def owns_weights(self) -> bool:
        return bool(self.op.weights(*(value.shape for value in self.inputs))) or self.word == "constant"


class Draft:
    """The ops of a recorded model, in order.

    >>> draft = Draft()
    >>> image = draft.add_input("image", Shape.of(3, 8, 8))
    >>> (value,) = draft.add("conv", {"out": 4, "kernel": 3}, [image], ())
    >>> value.shape.sizes
    (4, 6, 6)
    """

    def __init__(self) -> None:
        self.nodes: list[DraftNode] = []
        self.inputs: dict[str, DraftValue] = {}
        self.outputs: dict[str, DraftValue] = {}

    def add_input(self, name: str, shape: Shape) -> DraftValue:
        self.inputs[name] = DraftValue(shape)
        return self.inputs[name]

    def add(
        self,
        word: str,
        fields: Mapping[str, Any],
        inputs: Iterable[DraftValue],
        scope: Path,
        path: Path | None = None,
        line: str = "",
        uses: Mapping[Path, int] | None = None,
    ) -> list[DraftValue]:
        """Adds a node and returns its outputs. Raises `ShapeError` and pydantic's `ValidationError`."""
        op = BY_WORD[word].model_validate(dict(fields)).specialised()
        operands = list(inputs)
        shapes = op.infer(*(value.shape for value in operands))
        node = DraftNode(op, operands, [], scope, path, line, uses or {})
        node.outputs = [DraftValue(shape, node) for shape in shapes]
        for value in operands:
            value.users.append(node)
        self.nodes.append(node)
        return node.outputs

    def replace_value(self, old: DraftValue, new: DraftValue) -> None:
        """Makes all consumers of a value those of another."""
        for node in dict.fromkeys(old.users):
            node.inputs = [new if value is old else value for value in node.inputs]
        new.users += old.users
        old.users = []
        self.outputs = {name: new if value is old else value for name, value in self.outputs.items()}

    def set_inputs(self, node: DraftNode, inputs: list[DraftValue]) -> None:
        """Gives a node other operands."""
        for value in node.inputs:
            value.users.remove(node)
        node.inputs = inputs
        for value in inputs:
            value.users.append(node)

    def is_private(self, value: DraftValue) -> bool:
        """Whether exactly one operand of one node is this value, and it is no output."""
        return len(value.users) == 1 and all(value is not output for output in self.outputs.values())

    def remove_unused(self) -> None:
        """Removes the nodes that no output depends on."""
        needed = {id(value) for value in self.outputs.values()}
        kept: list[DraftNode] = []
        for node in reversed(self.nodes):
            if any(id(value) in needed for value in node.outputs):
                needed.update(id(value) for value in node.inputs)
                kept.append(node)
                continue
            self.set_inputs(node, [])
        self.nodes = kept[::-1]
