"""Joins: several values become one."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from archspec.ops.base import FIRST, Call, Op, Operand, Result, ShapeError
from archspec.ops.rules import axis_of, bounded
from archspec.shape import Shape


class Join(Op):
    """A join takes any number of branches, each applied to the current value."""

    operands: ClassVar[tuple[int, int | None]] = (1, None)
    join: ClassVar[bool] = True
    numbered: ClassVar[bool] = False


class Folding(Join):
    """A join of equal shapes, element by element, from the first operand to the last."""

    elementwise: ClassVar[bool] = True
    function: ClassVar[str]

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if any(shape.sizes != inputs[0].sizes for shape in inputs):
            raise ShapeError(f"{self.word} needs equal shapes", help=_projection(inputs))
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return _chain(self.function, len(inputs))

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached if inputs[operand].axis == outputs[0].axis else range(outputs[0].channels)


class Add(Folding):
    """Sum of its branches."""

    word: ClassVar[str] = "add"
    function: ClassVar[str] = "torch.add"


class Mean(Folding):
    """Mean of its branches: their sum, divided once by their number."""

    word: ClassVar[str] = "mean"
    function: ClassVar[str] = "torch.add"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        if len(inputs) == 1:
            return ()
        summed = _chain(self.function, len(inputs))
        return (*summed, Call("torch.div", args=(Result(len(summed) - 1), len(inputs))))


class Max(Folding):
    """Maximum of its branches, element by element."""

    word: ClassVar[str] = "max"
    function: ClassVar[str] = "torch.maximum"


class Concat(Join):
    """Its branches one after the other, along the channels or another axis."""

    word: ClassVar[str] = "concat"
    moves: ClassVar[bool] = True

    axis: int | None = Field(None, description="axis, counted from 0 without the batch; the channels if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        first = inputs[0]
        axis = axis_of(self.axis, first)
        others = {shape.sizes[:axis] + shape.sizes[axis + 1 :] for shape in inputs}
        if len(others) > 1 or any(shape.rank != first.rank for shape in inputs):
            raise ShapeError(f"concat needs equal sizes on all axes but axis {axis}")
        return bounded(self, (first.replace(axis, sum(shape.sizes[axis] for shape in inputs)),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        tensors = tuple(map(Operand, range(len(inputs))))
        return (Call("torch.cat", args=(tensors,), keywords={"dim": axis_of(self.axis, inputs[0]) + 1}),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        axis = axis_of(self.axis, inputs[0])
        if axis != outputs[0].axis:
            return reached
        before = sum(shape.sizes[axis] for shape in inputs[:operand])
        if inputs[operand].axis != axis:
            return range(before, before + inputs[operand].sizes[axis])
        return range(before + reached.start, before + reached.stop)


class Multiply(Join):
    """Product of a signal, the first branch, and its gates; a gate may have 1, or nothing, where the signal has more."""

    word: ClassVar[str] = "multiply"
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        signal = inputs[0]
        for gate in inputs[1:]:
            full = _spread(gate, signal)
            if full is None or any(size not in (1, most) for size, most in zip(full, signal.sizes, strict=True)):
                raise ShapeError(
                    f"multiply needs gates that fit its first operand, {signal}; got {gate}",
                    help="a gate has the sizes of the first operand, or 1 or no axis where that has more",
                )
        return (signal,)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        calls: list[Call] = []
        product: Operand | Result = Operand(0)
        for index, gate in enumerate(inputs[1:], 1):
            factor: Operand | Result = Operand(index)
            # Counted from the end, the new axis is right for a gate without a batch axis, too.
            place = -1 if inputs[0].axis == 0 else -2
            for _ in range(inputs[0].rank - gate.rank):
                calls.append(Call("torch.unsqueeze", args=(factor, place)))
                factor = Result(len(calls) - 1)
            calls.append(Call("torch.mul", args=(product, factor)))
            product = Result(len(calls) - 1)
        return tuple(calls)

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand == 0

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        channels = range(outputs[0].channels)
        return reached if inputs[operand].channels == len(channels) else channels


class Bundle(Join):
    """Several values in order, none of them changed."""

    word: ClassVar[str] = "bundle"
    moves: ClassVar[bool] = True

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return inputs

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return ()

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached if operand == output else None


def _chain(function: str, count: int) -> tuple[Call, ...]:
    """`function` of the first two operands, then of that and the third, and so on."""
    if count == 1:
        return ()
    first = Call(function, args=(*FIRST, Operand(1)))
    return (first, *(Call(function, args=(Result(at - 2), Operand(at))) for at in range(2, count)))


def _spread(gate: Shape, signal: Shape) -> tuple[int, ...] | None:
    """A gate's sizes with 1 for the spatial axes that it lacks; None where it has too many axes."""
    missing = (1,) * (signal.rank - gate.rank)
    if gate.rank > signal.rank:
        return None
    return gate.sizes + missing if signal.axis == 0 else missing + gate.sizes


def _projection(inputs: tuple[Shape, ...]) -> str | None:
    """What makes a branch and its shortcut, the last operand, equal: a strided 1×1 convolution or a linear layer, if either does."""
    if len(inputs) != 2 or inputs[0].rank != inputs[1].rank or inputs[0].axis != inputs[1].axis:
        return None
    branch, shortcut = inputs
    wider = branch.channels != shortcut.channels
    if branch.axis == branch.rank - 1:
        same = branch.replace(branch.axis, 1) == shortcut.replace(shortcut.axis, 1)
        what = f"the features from {shortcut.channels} to {branch.channels}"
        return f"the branch changes {what}; project the shortcut, e.g. [linear: {branch.channels}]" if same else None
    stride = _stride(shortcut.spatial, branch.spatial)
    if stride is None:
        return None
    changes = [f"the channels from {shortcut.channels} to {branch.channels}"] if wider else []
    if stride > 1:
        changes.append(f"the size from {_sizes(shortcut)} to {_sizes(branch)}")
    conv = f"{{out: {branch.channels}, stride: {stride}}}" if stride > 1 else str(branch.channels)
    return f"the branch changes {' and '.join(changes)}; project the shortcut, e.g. [conv: {conv}, batchnorm]"


def _stride(before: tuple[int, ...], after: tuple[int, ...]) -> int | None:
    """The step at which a kernel of 1 makes `after` places of `before`, if there is one for all axes."""
    for stride in range(1, 9):
        if all(-(-size // stride) == places for size, places in zip(before, after, strict=True)):
            return stride
    return None


def _sizes(shape: Shape) -> str:
    return "×".join(map(str, shape.spatial))
