"""Joins: ops that combine several branches into one value."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from archspec.ir.shape import IMAGES, Shape
from archspec.numerals import format_sizes
from archspec.ops.axes import (
    WHICH,
    Axis,
    axis_of,
    is_batched,
    reorder_axes,
    shared_names,
    write_permute,
)
from archspec.ops.axis_order import Given, repeat_for_batch
from archspec.ops.base import Call, Category, Op, Operand, Result, ShapeError, SkipKind
from archspec.ops.broadcasting import add_missing_axes, advise_match, keeps_channels, match_axes
from archspec.ops.rules import check_bounds


class Join(Op):
    """A join takes any number of branches, each applied to the current value."""

    category: ClassVar[Category] = "join"
    operands: ClassVar[tuple[int, int | None]] = (1, None)
    join: ClassVar[bool] = True
    numbered: ClassVar[bool] = False


class Folding(Join):
    """An elementwise join, folded from the first operand to the last.

    The largest operand has the shape of the result. The others have its sizes or 1, or lack axes: they are broadcast along these,
    which are matched by name, and one without a batch over the samples.
    """

    elementwise: ClassVar[bool] = True
    folds: ClassVar[bool] = True
    broadcasts: ClassVar[bool] = True
    """Whether an operand may be smaller than the result."""
    function: ClassVar[str]

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        first = inputs[0]
        if inputs.count(first) == len(inputs):
            return (first,)
        if all(shape.sizes == first.sizes for shape in inputs):
            return (Shape(first.sizes, shared_names(self.word, inputs), is_batched(inputs)),)
        whole = _largest(inputs)
        for shape in inputs:
            if match_axes(shape, whole) is None or (not self.broadcasts and shape.sizes != whole.sizes):
                advice = advise_match(shape, whole) or _suggest_fit(inputs)
                raise ShapeError(f"{self.word} needs equal shapes", help=advice)
        return (Shape(whole.sizes, whole.names, is_batched(inputs)),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        calls: list[Call] = []
        folded: Given = Operand(0)
        for index, shape in enumerate(inputs):
            operand: Given = Operand(index)
            if shape.rank < _largest(inputs).rank:
                operand = add_missing_axes(calls, operand, _match(shape, inputs), _largest(inputs).rank)
            if index:
                calls.append(Call(self.function, args=(folded, operand)))
                operand = Result(len(calls) - 1)
            folded = operand
        return tuple(calls)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        own, made = inputs[operand], outputs[0]
        if own.sizes == made.sizes:
            return reached if own.channel_axis == made.channel_axis else range(made.channels)
        return reached if keeps_channels(own, _match(own, inputs), made) else range(made.channels)


def _largest(inputs: tuple[Shape, ...]) -> Shape:
    """The first of the operands with the most axes and elements."""
    return max(inputs, key=lambda shape: (shape.rank, shape.numel))


def _match(shape: Shape, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
    """The axes of the largest operand that those of another belong to."""
    axes = match_axes(shape, _largest(inputs))
    assert axes is not None, "the shapes have been checked"
    return axes


class Add(Folding):
    """Sum of its branches."""

    word: ClassVar[str] = "add"
    sign: ClassVar[str] = "+"
    skip_kinds: ClassVar[tuple[SkipKind, ...]] = ("identity", "projection")
    function: ClassVar[str] = "torch.add"


class Mean(Folding):
    """Mean of its branches: their sum, divided once by their number."""

    word: ClassVar[str] = "mean"
    function: ClassVar[str] = "torch.add"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        if len(inputs) == 1:
            return ()
        summed = super().lower(*inputs)
        return (*summed, Call("torch.div", args=(Result(len(summed) - 1), len(inputs))))


class Max(Folding):
    """Maximum of its branches, element by element."""

    word: ClassVar[str] = "max"
    function: ClassVar[str] = "torch.maximum"


class Concat(Join):
    """Its branches one after the other, along the channels or another axis."""

    word: ClassVar[str] = "concat"
    telling: ClassVar[tuple[str, ...]] = ("axis",)
    moves: ClassVar[bool] = True
    skip_kinds: ClassVar[tuple[SkipKind, ...]] = ("concat",)

    axis: Axis | None = Field(None, description=WHICH)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        whole = self._whole(inputs)
        axis = axis_of(self, self.axis, whole)
        if len({shape.sizes[:axis] + shape.sizes[axis + 1 :] for shape in inputs}) > 1:
            called = whole.names[axis] or f"axis {axis}"
            raise ShapeError(f"concat needs equal sizes on all axes but {called}", help=_suggest_join(inputs, axis))
        return check_bounds(self, (whole.replace(axis, sum(shape.sizes[axis] for shape in inputs)),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        if len(inputs) == 1:
            return ()
        calls, tensors = repeat_for_batch(inputs)
        whole = self._whole(inputs)
        dim = whole.dim(axis_of(self, self.axis, whole))
        return (*calls, Call("torch.cat", args=(tensors,), keywords={"dim": dim}))

    def along_channels(self, *inputs: Shape) -> bool:
        whole = self._whole(inputs)
        return axis_of(self, self.axis, whole) == whole.channel_axis

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        own = inputs[operand]
        if not self.along_channels(*inputs):
            return reached if own.channel_axis == outputs[0].channel_axis else range(outputs[0].channels)
        axis = outputs[0].channel_axis
        assert axis is not None, "it works along the channels"
        before = sum(shape.sizes[axis] for shape in inputs[:operand])
        if own.channel_axis != axis:
            return range(before, before + own.sizes[axis])
        return range(before + reached.start, before + reached.stop)

    def _whole(self, inputs: tuple[Shape, ...]) -> Shape:
        """The first operand with the merged names and batch of all. Raises `ShapeError`."""
        first = inputs[0]
        for shape in inputs:
            if len(shape.sizes) != len(first.sizes):
                both = f"{first.described} and {shape.described}"
                raise ShapeError(f"concat needs as many axes in all; got {both}", help=_RANKS)
        names = shared_names(self.word, inputs)
        return first if names == first.names and first.batched else Shape(first.sizes, names, is_batched(inputs))


class Gating(Join):
    """Base of the joins of a signal, the first branch, and its gates: a gate has axes of the signal, with its sizes or with 1."""

    elementwise: ClassVar[bool] = True
    function: ClassVar[str]
    role: ClassVar[str] = "gates"
    """What the other branches are called in messages."""

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        signal = inputs[0]
        for gate in inputs[1:]:
            self._axes_of_gate(gate, signal)
        return (signal if signal.batched else Shape(signal.sizes, signal.names, is_batched(inputs)),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        calls: list[Call] = []
        product: Given = Operand(0)
        for index, gate in enumerate(inputs[1:], 1):
            factor = add_missing_axes(calls, Operand(index), self._axes_of_gate(gate, inputs[0]), inputs[0].rank)
            calls.append(Call(self.function, args=(product, factor)))
            product = Result(len(calls) - 1)
        return tuple(calls)

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand == 0

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        signal, gate = inputs[0], inputs[operand]
        kept = operand == 0 or keeps_channels(gate, self._axes_of_gate(gate, signal), signal)
        return reached if kept else range(signal.channels)

    def _axes_of_gate(self, gate: Shape, signal: Shape) -> tuple[int, ...]:
        """For each axis of a gate, the axis of the signal that it belongs to, by name.

        Raises:
            ShapeError: an axis fits none of the signal, or there are several ways to match them.
        """
        axes = match_axes(gate, signal)
        if axes is not None:
            return axes
        raise ShapeError(
            f"{self.word} needs {self.role} that fit its first operand, {signal.described}; got {gate.described}",
            help=advise_match(gate, signal)
            or "a gate has the sizes of the first operand, or 1 or no axis where that has more".replace(
                "gate", self.role[:-1]
            ),
        )


class Multiply(Gating):
    """Product of a signal, the first branch, and its gates: a gate has axes of the signal, with its sizes or with 1."""

    word: ClassVar[str] = "multiply"
    sign: ClassVar[str] = "×"
    function: ClassVar[str] = "torch.mul"


class Divide(Gating):
    """A signal, the first branch, divided by the others in turn: a divisor has axes of the signal, with its sizes or with 1."""

    word: ClassVar[str] = "divide"
    sign: ClassVar[str] = "÷"
    function: ClassVar[str] = "torch.div"
    role: ClassVar[str] = "divisors"


class Bundle(Join):
    """Several values in order, none of them changed."""

    word: ClassVar[str] = "bundle"
    moves: ClassVar[bool] = True
    transparent: ClassVar[bool] = True
    one_output: ClassVar[bool] = False

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return inputs

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return ()

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached if operand == output else None


_RANKS = "reshape gives a value other axes"


def _suggest_fit(inputs: tuple[Shape, ...]) -> str:
    """Advice for the operands of an elementwise join: a permute, a projection of the skip connection, or the rule."""
    advice = _suggest_join(inputs) if inputs[0].rank == inputs[-1].rank else None
    return advice or "an operand has the sizes of the largest one, or 1 or no axis where that has more"


def _suggest_join(inputs: tuple[Shape, ...], axis: int | None = None) -> str | None:
    """Advice that makes the operands of a join equal on all axes but `axis`: a permute, or a projection of the skip connection."""
    if len(inputs) != 2 or inputs[0].rank != inputs[1].rank:
        return None if len(inputs) != 2 else _RANKS
    turn = reorder_axes(*inputs)
    if turn and turn.sizes == inputs[0].sizes:
        return write_permute(*inputs)
    return _suggest_projection(*inputs) if axis is None else None


def _suggest_projection(branch: Shape, shortcut: Shape) -> str | None:
    """Advice: the strided 1×1 convolution or linear layer that gives the skip connection, the last operand, the shape of the branch; or None."""
    if branch.names != shortcut.names or branch.channel_axis is None:
        return None
    if branch.names not in IMAGES:
        same = branch.replace(branch.channel_axis, 1) == shortcut.replace(branch.channel_axis, 1)
        change = f"the features from {shortcut.channels} to {branch.channels}"
        return f"the branch changes {change}; project the shortcut, e.g. [linear: {branch.channels}]" if same else None
    stride = _find_stride(shortcut.spatial, branch.spatial)
    if stride is None:
        return None
    changes = []
    if branch.channels != shortcut.channels:
        changes.append(f"the channels from {shortcut.channels} to {branch.channels}")
    if stride > 1:
        changes.append(f"the size from {format_sizes(shortcut.spatial)} to {format_sizes(branch.spatial)}")
    conv = f"{{out: {branch.channels}, stride: {stride}}}" if stride > 1 else str(branch.channels)
    return f"the branch changes {' and '.join(changes)}; project the shortcut, e.g. [conv: {conv}, batchnorm]"


def _find_stride(before: tuple[int, ...], after: tuple[int, ...]) -> int | None:
    """The stride with which a kernel of 1 turns `before` into `after` places, if there is one for all axes."""
    for stride in range(1, 9):
        if all(-(-size // stride) == places for size, places in zip(before, after, strict=True)):
            return stride
    return None
