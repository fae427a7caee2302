"""`routes` and `window` of every op, compared with the gradients of its lowering.

A row is one element of an output in a sample of its own, so that one backward pass gives the gradients of all rows. Gradients are
merged over random inputs and ramps along each axis, so that a dead ReLU or the maximum of a window hides no dependence.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, prod
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from torch import Tensor

from archspec.ir.shape import Shape
from archspec.ops import OPS
from archspec.ops.activation import Softmax
from archspec.ops.attention import Parameter
from archspec.ops.base import Everything, Op, ShapeError, Window
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.ops.pool import MaxPool
from tests.ops.cases import Case, cases
from tests.ops.interpreter import Lowered
from tests.ops.test_routes import BY_DEFINITION
from tests.sample import sampled

MOST_ROWS = 200
MOST_ELEMENTS = 400_000  # of all samples of one operand
NO_LOWERING = {"bundle"}
SHARED = {"lookup"}
"""Ops that are traced without a batch, since a table has none."""
STATISTICS = {"groupnorm", "layernorm", "rmsnorm", "instancenorm"}
"""Normalisations whose window is that of one element by definition, although their statistics depend on all places."""
ENCLOSING_ROUTES = {
    "rotary": "the first token is not turned",
    "reshape": "elements of one channel may come to lie anywhere",
    "matmul": "columns and rows of a matrix that are channels in one operand need not be in the other",
}
"""Ops whose `routes` may be wider than the reached channels, and why."""
ENCLOSING_WINDOW = {
    "convtranspose": "a dilated kernel skips the elements between its taps",
    "upsample": "a place that falls on an element needs no neighbour",
    "reshape": "places are regrouped: everything is all that can be said",
    "lookup": "the rows that are read need not be all",
    "matmul": "sums along places or along channels, as the axes of its operands are named",
    "roll": "a place depends on another one alone",
    "window": "places are regrouped: everything is all that can be said",
    "unwindow": "places are regrouped: everything is all that can be said",
    "permute": "places without names cannot be told apart",
}
"""Ops whose `window` may be wider than what an output element depends on, and why."""
NO_CONSTANT_STEP = {"adaptivepool"}
OF_ALL_PLACES = {"adaptivepool", "upsample"}
"""Ops whose window depends on the number of places."""


def draw_inputs(op: Op, shapes: tuple[Shape, ...]) -> Iterator[list[Tensor]]:
    """Values for all operands: random ones, and ramps up and down along each axis."""
    draw = torch.Generator().manual_seed(0)
    axes = max(shape.rank for shape in shapes)
    for ramp in (None, None, *((axis, sign) for axis in range(axes) for sign in (1, -1))):
        values = []
        for operand, shape in enumerate(shapes):
            if operand in op.indices:
                values.append(torch.randint(2, shape.sizes, generator=draw))
                continue
            value = torch.randn(shape.sizes, generator=draw, dtype=torch.float64)
            if ramp is not None and ramp[0] < shape.rank:
                slope = torch.arange(shape.sizes[ramp[0]], dtype=torch.float64) * ramp[1]
                value = value / 8 + slope.reshape(-1, *(1,) * (shape.rank - 1 - ramp[0]))
            values.append(value)
        yield values


def build(op: Op, shapes: tuple[Shape, ...]) -> Lowered:
    module = Lowered(op.lower(*shapes), "cpu").double().eval()
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 2, generator=draw)
    return module


def trace(op: Op, shapes: tuple[Shape, ...], output: int, rows: list[int]) -> list[Tensor]:
    """For each operand, the elements that each row depends on: [rows, *sizes]."""
    module, batched = build(op, shapes), op.infer(*shapes)[output].batched
    depends = [torch.zeros(len(rows), *shape.sizes, dtype=torch.bool) for shape in shapes]
    for values in draw_inputs(op, shapes):
        if not any(shape.batched for shape in shapes):
            _trace_shared(op, module, values, rows, depends)
            continue
        samples = [value.expand(len(rows), *value.shape).clone() for value in values]
        if op.indices:
            _trace_indices(module, samples[0], rows, depends[0])
            continue
        for sample in samples:
            sample.requires_grad_()
        chosen = _choose_rows(module(*samples), output, rows, batched=batched)
        if not chosen.requires_grad:
            continue
        gradients = torch.autograd.grad(chosen.sum(), samples, allow_unused=True)
        for seen, gradient in zip(depends, gradients, strict=True):
            if torch.is_tensor(gradient):  # an unused operand has none
                seen |= gradient.nan_to_num(0, 0, 0) != 0
    return depends


def _trace_shared(op: Op, module: Lowered, values: list[Tensor], rows: list[int], depends: list[Tensor]) -> None:
    """Of values without a batch, each row is traced by itself."""
    given = [value.requires_grad_(index not in op.indices) for index, value in enumerate(values)]
    made = module(*given).reshape(-1)
    for number, row in enumerate(rows):
        for operand, value in enumerate(given):
            if operand not in op.indices:
                (gradient,) = torch.autograd.grad(made[row], [value], retain_graph=True)
                depends[operand][number] |= gradient != 0
                continue
            for place in range(value.numel()):
                changed = value.clone()
                changed.view(-1)[place] = 1 - changed.view(-1)[place]
                other = module(*given[:operand], changed, *given[operand + 1 :]).reshape(-1)
                depends[operand][number].view(-1)[place] |= bool(other[row] != made[row])


def _trace_indices(module: Lowered, sample: Tensor, rows: list[int], depends: Tensor) -> None:
    """Integers have no gradient, so each is changed separately."""
    before = _choose_rows(module(sample), 0, rows)
    for place in range(sample.shape[1]):
        changed = sample.clone()
        changed[:, place] = 1 - changed[:, place]
        depends[:, place] |= _choose_rows(module(changed), 0, rows) != before


def _choose_rows(result: Any, output: int, rows: list[int], *, batched: bool = True) -> Tensor:
    """The element of row i in sample i."""
    value: Tensor = (tuple(result) if isinstance(result, tuple | list) else (result,))[output]
    if not batched:
        value = value.expand(len(rows), *value.shape)
    return value.reshape(len(rows), -1)[torch.arange(len(rows)), torch.tensor(rows)]


def to_channels(depends: Tensor, shape: Shape) -> Tensor:
    """The channels of the operand that each row depends on: [rows, channels]."""
    if shape.channel_axis is None:
        return depends.reshape(len(depends), -1).any(1, keepdim=True)
    return depends.movedim(1 + shape.channel_axis, 1).reshape(len(depends), shape.channels, -1).any(2)


def channel_of_rows(shape: Shape) -> Tensor:
    """The channel of each element, in the order of memory."""
    if shape.channel_axis is None:
        return torch.zeros(shape.numel, dtype=torch.long)
    after = prod(shape.sizes[shape.channel_axis + 1 :])
    return torch.arange(shape.numel) // after % shape.channels


def find_wrong_routes(op: Op, shapes: tuple[Shape, ...]) -> list[str]:
    """Differences between `routes` and the channels that depend on each channel of an operand."""
    outputs = op.infer(*shapes)
    wrong = []
    for output, made in enumerate(outputs):
        channels = channel_of_rows(made)
        for operand, depends in enumerate(trace(op, shapes, output, list(range(made.numel)))):
            reached = to_channels(depends, shapes[operand])
            for channel in range(shapes[operand].channels):
                real = set(channels[reached[:, channel]].tolist())
                said = op.routes(operand, range(channel, channel + 1), shapes, outputs, output) or range(0)
                least = set(range(min(real), max(real) + 1)) if real else set()
                if not real <= set(said):
                    wrong.append(f"channel {channel} of operand {operand} reaches {real}, not only {said}")
                elif real and set(said) != least and op.word not in ENCLOSING_ROUTES:
                    wrong.append(f"channel {channel} of operand {operand} reaches only {real}, not {said}")
    return wrong


def find_wrong_window(op: Op, shapes: tuple[Shape, ...]) -> list[str]:
    """Differences between `window` and the extent and step of the elements that an output element depends on."""
    window, made = op.window(*shapes), op.infer(*shapes)[0]
    if window == "everything":
        return _compare_everything(op, shapes)
    if window is None:
        depends = trace(op, shapes, 0, _line_through_the_middle(made, next(iter(made.places), None)))
        return [
            f"depends on {widest} elements of operand {operand} along axis {place}, and not on the one at its place"
            for operand, shape in enumerate(shapes)
            for place in shape.places
            if (widest := _widest(_spans(depends[operand], place))) > 1
        ]
    return [
        difference
        for number, axis in enumerate(made.places)
        for difference in _compare_window(op, shapes, window, number, _line_through_the_middle(made, axis))
    ]


def _compare_window(op: Op, shapes: tuple[Shape, ...], window: Window, number: int, rows: list[int]) -> Iterator[str]:
    (depends,) = trace(op, shapes, 0, rows)
    for place, extent in zip(shapes[0].places, window.extent, strict=True):
        widest = _widest(_spans(depends, place))
        if widest > extent:
            yield f"depends on {widest} elements along axis {place}, the window has {extent}"
    spans = _spans(depends, shapes[0].places[number])
    extent, step, widest = window.extent[number], Fraction(window.step[number]), _widest(spans)
    if op.word not in ENCLOSING_WINDOW and widest < extent:
        yield f"depends on at most {widest} elements, the window has {extent}"
    if not spans:
        return
    whole = [(row, low) for row, (low, high) in spans.items() if high - low + 1 == widest]
    (first, start), (last, stop) = whole[0], whole[-1]
    tolerance = 1 if step >= 1 else 2
    if op.word not in NO_CONSTANT_STEP and abs(stop - start - step * (last - first)) >= tolerance:
        yield f"starts {stop - start} elements later after {last - first} steps, the window says {step}"


def _compare_everything(op: Op, shapes: tuple[Shape, ...]) -> list[str]:
    made = op.infer(*shapes)[0]
    seen = any(
        _widest(_spans(depends, place)) == shape.sizes[place]
        for shape, depends in zip(shapes, trace(op, shapes, 0, list(range(made.numel))), strict=True)
        for place in shape.places
    )
    if seen or op.word in ENCLOSING_WINDOW or not any(shape.places for shape in shapes) or not is_dependent(op, shapes):
        return []
    return ["no element depends on a whole axis"]


def _widest(spans: dict[int, tuple[int, int]]) -> int:
    return max((high - low + 1 for low, high in spans.values()), default=0)


def _spans(depends: Tensor, axis: int) -> dict[int, tuple[int, int]]:
    """The first and the last element along an axis on which each row depends, for rows that depend on any."""
    along = depends.movedim(1 + axis, 1).reshape(len(depends), depends.shape[1 + axis], -1).any(2)
    places = [row.nonzero().flatten().tolist() for row in along]
    return {row: (found[0], found[-1]) for row, found in enumerate(places) if found}


def _line_through_the_middle(shape: Shape, axis: int | None) -> list[int]:
    """The elements along one axis, in the middle of the others, at the first channel."""
    middle = [0 if other == shape.channel_axis else size // 2 for other, size in enumerate(shape.sizes)]
    line = [middle if axis is None else [*middle[:axis], place, *middle[axis + 1 :]] for place in _range(shape, axis)]
    strides = [prod(shape.sizes[other + 1 :]) for other in range(shape.rank)]
    return [sum(place * stride for place, stride in zip(places, strides, strict=True)) for places in line]


def _range(shape: Shape, axis: int | None) -> range:
    return range(1 if axis is None else shape.sizes[axis])


def make_room(op: Op, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Operands that are large enough for several windows inside their borders."""
    window = op.window(*shapes)
    if not isinstance(window, Window) or op.word in OF_ALL_PLACES:
        return shapes
    sizes = list(shapes[0].sizes)
    for place, extent, step in zip(shapes[0].places, window.extent, window.step, strict=True):
        sizes[place] = max(sizes[place], extent + ceil(4 * max(step, Fraction(1))))
    return (Shape(tuple(sizes), shapes[0].names), *shapes[1:])


def fits(op: Op, shapes: tuple[Shape, ...]) -> bool:
    try:
        outputs = op.infer(*shapes)
    except ShapeError:
        return False
    rows = max(shape.numel for shape in outputs)
    return rows <= MOST_ROWS and all(rows * shape.numel <= MOST_ELEMENTS for shape in shapes)


def small_enough(op: Op, shapes: tuple[Shape, ...]) -> bool:
    try:
        outputs = op.infer(*shapes)
    except ShapeError:
        return False
    return all(max(outputs[0].sizes, default=1) * shape.numel <= MOST_ELEMENTS for shape in shapes)


def draw_cases(word: str, wanted: int) -> list[tuple[Op, tuple[Shape, ...]]]:
    """Cases of an op that fit, with a batch: as many as wanted, or fewer if some hundred draws give fewer."""
    taken: list[tuple[Op, tuple[Shape, ...]]] = []

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(cases(word))
    def take(case: Case) -> None:
        batched = case.op.word not in SHARED
        shapes = tuple(Shape(shape.sizes, shape.names, batched) for shape in case.inputs)
        if not is_degenerate(case.op) and fits(case.op, shapes):
            taken.append((case.op, shapes))

    for number in range(12):
        if len(taken) < wanted:
            seed(number)(take)()
    return taken[-wanted:]  # the first ones drawn are the simplest


def is_degenerate(op: Op) -> bool:
    """Whether the fields make an op constant, make it mix samples, or make its window circular."""
    constant = getattr(op, "by", 1) == 0 or getattr(op, "exponent", 1) == 0 or getattr(op, "vocabulary", 2) == 1
    return constant or not getattr(op, "track", True) or getattr(op, "padding_mode", "") == "circular"


@pytest.mark.parametrize("wanted", sampled((4, 60), {4}))
@pytest.mark.parametrize("word", [op.word for op in OPS if op.word not in NO_LOWERING])
def test_an_op_depends_on_what_its_routes_and_its_window_say(word: str, wanted: int) -> None:
    drawn = draw_cases(word, wanted)
    assert len(drawn) >= 4
    if word not in BY_DEFINITION:
        assert [find_wrong_routes(op, shapes) for op, shapes in drawn] == [[]] * len(drawn)
        assert any(is_routed(*case) for case in drawn) == any(is_dependent(*case) for case in drawn)
    if word not in STATISTICS:
        roomy = [(op, shapes) for op, given in drawn if small_enough(op, shapes := make_room(op, given))]
        assert [find_wrong_window(*case) for case in roomy] == [[]] * len(roomy)
        assert roomy, "no case is small enough"


def is_routed(op: Op, shapes: tuple[Shape, ...]) -> bool:
    return bool(op.routes(0, range(shapes[0].channels), shapes, op.infer(*shapes), 0))


def is_dependent(op: Op, shapes: tuple[Shape, ...]) -> bool:
    return any(bool(depends.any()) for depends in trace(op, shapes, 0, list(range(op.infer(*shapes)[0].numel))))


IMAGE = Shape.of(4, 14, 14)


class NarrowConv(Conv):
    """Its window leaves out an element."""

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return Window((2, 3), (1, 1))


class WideConv(Conv):
    """Its window has an element too many."""

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return Window((3, 4), (1, 1))


class SlowConv(Conv):
    """Its window moves by another step."""

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return Window((3, 3), (1, 2))


class PointConv(Conv):
    """It has no window."""

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return None


class BlindPool(MaxPool):
    """Its window is everything."""

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"


@pytest.mark.parametrize("op", [NarrowConv, WideConv, SlowConv, PointConv])
def test_a_wrong_window_of_a_convolution_is_found(op: type[Conv]) -> None:
    assert find_wrong_window(Conv(out=2, kernel=3, padding=1), (IMAGE,)) == []
    assert find_wrong_window(op(out=2, kernel=3, padding=1), (IMAGE,)) != []


def test_a_window_that_is_not_everything_is_found() -> None:
    assert find_wrong_window(BlindPool(kernel=2), (IMAGE,)) == ["no element depends on a whole axis"]


class LostGroups(Conv):
    """Its routes ignore the groups."""

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(self.out)


class UnshiftedConcat(Concat):
    """Its routes ignore the operands before."""

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached


class PlainSoftmax(Softmax):
    """Its routes are those of an elementwise op."""

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached


class ReadParameter(Parameter):
    """Its routes say that it depends on its input."""

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(outputs[output].channels)


SMALL = Shape.of(4, 3, 3)


@pytest.mark.parametrize(
    ("right", "wrong", "shapes"),
    [
        (Conv(out=4, groups=2), LostGroups(out=4, groups=2), (SMALL,)),
        (Concat(), UnshiftedConcat(), (SMALL, SMALL)),
        (Softmax(), PlainSoftmax(), (SMALL,)),
    ],
)
def test_wrong_routes_are_found(right: Op, wrong: Op, shapes: tuple[Shape, ...]) -> None:
    assert find_wrong_routes(right, shapes) == []
    assert find_wrong_routes(wrong, shapes) != []


def test_routes_of_what_depends_on_nothing_are_found() -> None:
    right, wrong = (op.model_validate({"shape": [3]}) for op in (Parameter, ReadParameter))
    assert not is_routed(right, (SMALL,))
    assert is_routed(wrong, (SMALL,))
    assert not is_dependent(wrong, (SMALL,))
