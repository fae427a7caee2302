"""For any order of its operand's axes, an op computes the same by axis name, or refuses it with advice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations
from math import prod
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from archspec.ir.shape import AXES, IMAGES, AxisName, Names, Shape
from archspec.ops import BY_WORD, OPS
from archspec.ops.base import Op, ShapeError
from archspec.ops.regroup import kept_names
from tests.ops.interpreter import Lowered

SIZE: dict[AxisName | None, int] = {
    "channels": 4,
    "features": 4,
    "heads": 2,
    "tokens": 3,
    "depth": 2,
    "height": 3,
    "width": 5,
    "length": 6,
    None: 4,
}
SETS: tuple[Names, ...] = (
    ("features",),
    ("tokens",),
    ("tokens", "features"),
    *IMAGES,
    ("heads", "tokens", "features"),
    ("tokens", "height", "width"),
    (None, "tokens"),
    (None, None, "features"),
)
"""The axes of the values that each op is tested with, in all orders."""

FIELDS: dict[str, list[dict[str, Any]]] = {
    "conv": [{"out": 6, "kernel": 3, "padding": 1, "groups": 2}, {"out": 2}],
    "convtranspose": [{"out": 6, "kernel": 3, "stride": 2, "groups": 2}],
    "linear": [{"out": 5}, {"out": 5, "axis": "tokens"}, {"out": 5, "axis": "channels"}, {"out": 5, "axis": "height"}],
    "groupnorm": [{"groups": 2}],
    "layernorm": [{}, {"axes": ["tokens"]}, {"axes": ["width", "height"]}, {"axes": ["channels", "length"]}],
    "prelu": [{}, {"shared": False}],
    "normalize": [{}, {"axis": "tokens"}],
    "reduce": [
        {"axes": "tokens"},
        {"axes": ["height", "channels"], "kind": "sum"},
        {"axes": "features", "kind": "norm"},
    ],
    "rmsnorm": [{}, {"axes": ["tokens"]}],
    "splitheads": [{"heads": 2}],
    "rotary": [{}, {"interleaved": True}],
    "window": [{"size": [3, 5]}, {"size": 1}],
    "unwindow": [{"size": 1}],
    "roll": [{"shifts": {"height": 1, "width": -2}}, {"shifts": {"tokens": 1}}],
    "power": [{"exponent": 2.0}],
    "clamp": [{"low": 0.0}, {"high": 0.5}],
    "constant": [{"shape": {"tokens": 3, "features": 4}}],
    "softmax": [{}, {"axis": "tokens"}, {"axis": "height"}],
    "maxpool": [{"kernel": 2}],
    "avgpool": [{"kernel": 2}],
    "adaptivepool": [{"size": 2}],
    "globalpool": [{}, {"kind": "max"}],
    "columndraw": [{"columns": 2}],
    "concat": [{}, {"axis": "tokens"}, {"axis": "height"}],
    "split": [{"sizes": [1, 3]}, {"sizes": [1, 2], "axis": "tokens"}, {"sizes": [2, 1], "axis": "height"}],
    "slice": [{"start": 1, "stop": 3}, {"start": 1, "axis": "tokens"}, {"stop": 2, "axis": "width"}],
    "pad": [{"size": 1}, {"size": [[1, 0], [2, 3]]}, {"size": [[1, 0]]}, {"channels": [1, 2]}],
    "token": [{"index": 2}, {"index": -1}],
    "scale": [{"by": 2.0, "plus": 1.0}],
    "upsample": [{"scale": 2}, {"size": 4}],
    "channelshuffle": [{"groups": 2}],
    "attention": [{"heads": 2}],
    "embedding": [{"vocabulary": 7, "width": 4}],
    "parameter": [{"shape": {"tokens": 3, "features": 4}}, {"shape": [3], "batched": False}],
}
"""The arguments that each op is tested with; none if it is missing."""
BY_PLACE = {"flatten", "reshape", "permute", "matmul", "bundle"}
"""Ops that depend on the positions of axes, which have their own tests below."""


def layouts(names: Names, *, batched: bool = True, whole: bool = False) -> Iterator[Shape]:
    """Values of these axes in each order, the usual one first; of four axes in some of the orders, or the `whole` of them."""
    orders = list(dict.fromkeys(permutations(names)))
    for order in orders if whole or len(names) < 4 else orders[::7]:
        yield Shape(tuple(SIZE[name] for name in order), order, batched)


def operands(op: Op, shape: Shape) -> Iterator[tuple[Shape, ...]]:
    """The lists of operands that an op is tested with."""
    fewest, most = op.operands
    if op.word == "dropmean":
        yield shape, shape, Shape.of(2)
        return
    if op.word == "lookup":
        yield Shape((5, 4), ("tokens", "features"), batched=False), shape
        return
    if op.word == "unwindow":
        yield Shape((15, 1, 4), ("windows", "tokens", "features")), shape
        return
    for count in range(fewest, (3 if most is None else most) + 1):
        yield (shape,) * count
    if op.word == "multiply" and shape.channel_axis is not None and shape.rank > 1:
        yield shape, Shape((shape.channels,), ("features",))
        yield (
            shape,
            shape.resized(tuple(size if axis == shape.channel_axis else 1 for axis, size in enumerate(shape.sizes))),
        )
        yield shape, shape.replace(shape.channel_axis, 1)


def values(op: Op, shapes: tuple[Shape, ...]) -> list[Tensor]:
    """Values that differ between operands and do not depend on the order of axes."""
    made = []
    for index, shape in enumerate(shapes):
        usual = by_name(shape)
        draw = torch.Generator().manual_seed(index)
        size = (2, *(shape.sizes[axis] for axis in usual))
        value = torch.randint(5, size, generator=draw) if index in op.indices else torch.randn(size, generator=draw)
        value = value.permute(0, *(1 + usual.index(axis) for axis in range(shape.rank)))
        made.append(value if shape.batched else value[0])
    return made


def by_name(shape: Shape) -> tuple[int, ...]:
    """The axes in the order of their names; those without names come last."""
    return tuple(
        sorted(
            range(shape.rank),
            key=lambda axis: (AXES.index(shape.names[axis] or "length"), shape.names[axis] is None, axis),
        )
    )


def run(op: Op, shapes: tuple[Shape, ...], tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """The outputs of an op in evaluation with fixed weights, with axes in the order of their names."""
    module = Lowered(op.lower(*shapes), "cpu").eval()
    draw = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 2, generator=draw)
        result: Any = module(*tensors)
    made = tuple(result) if isinstance(result, tuple) else (result,)
    outputs = op.infer(*shapes)
    for value, shape in zip(made, outputs, strict=True):
        assert tuple(value.shape)[shape.batched :] == shape.sizes
    return tuple(
        value.permute(*range(shape.batched), *map(shape.dim, by_name(shape)))
        for value, shape in zip(made, outputs, strict=True)
    )


def refusal(op: Op, shapes: tuple[Shape, ...]) -> ShapeError | None:
    """The error of an op for values of these shapes, or None."""
    try:
        op.infer(*shapes)
    except ShapeError as error:
        return error
    return None


def accepted(op: Op, shapes: tuple[Shape, ...]) -> bool:
    """Whether an op accepts values of these shapes; if not, its error must have advice, unless it is about sizes."""
    error = refusal(op, shapes)
    sizes = error is not None and (error.field not in (None, "axis", "axes") or "equal sizes" in error.message)
    assert error is None or error.help or sizes, f"{[shape.described for shape in shapes]}: {error.message}"
    return error is None


def ops(word: str) -> list[Op]:
    return [BY_WORD[word].model_validate(fields) for fields in FIELDS.get(word, [{}])]


WORDS = [op.word for op in OPS if op.word not in BY_PLACE]


def check_layouts(op: Op, names: Names, *, whole: bool = False) -> int:
    """Compares the outputs of an op for all accepted orders of axes, and returns their number."""
    tried = 0
    several = [list(operands(op, shape)) for shape in layouts(names, whole=whole)]
    for shapes in zip(*several, strict=True):
        results = [run(op, given, values(op, given)) for given in shapes if accepted(op, given)]
        tried += len(results)
        for result in results[1:] if None not in names else []:
            torch.testing.assert_close(result, results[0], equal_nan=True)
    return tried


@pytest.mark.parametrize("word", WORDS)
def test_an_op_is_the_same_in_every_layout_that_it_accepts(word: str) -> None:
    assert sum(check_layouts(op, names) for op in ops(word) for names in SETS)


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
def test_an_op_is_the_same_in_every_order_of_four_axes(word: str) -> None:
    volume = next(names for names in SETS if len(names) == 4)
    for op in ops(word):
        check_layouts(op, volume, whole=True)


SUGGESTED = re.compile(r"(permute|reshape|flatten): (\[[^\]]*\]|\{[^}]*\}|\d)")


def advised(shape: Shape, help: str) -> Shape:
    """The shape of a value after the ops that a help suggests."""
    for word, argument in SUGGESTED.findall(help):
        op = BY_WORD[word]
        (shape,) = op.model_validate({str(op.first): yaml.safe_load(argument)}).infer(shape)
    return shape


@pytest.mark.parametrize("word", WORDS)
def test_the_help_that_suggests_ops_is_right(word: str) -> None:
    """Following the advice, repeatedly if needed, gives a value that fits except for its sizes."""
    for op in ops(word):
        for shape in (shape for names in SETS for shape in layouts(names)):
            for _ in range(3):
                error = refusal(op, (shape,) * op.operands[0])
                if error is None or not error.help or "…:" in error.help or not SUGGESTED.search(error.help):
                    break
                shape = advised(shape, error.help)
            else:
                pytest.fail(f"{shape.described}: {error}")


@pytest.mark.parametrize("word", WORDS)
def test_a_value_without_a_batch_is_one_sample(word: str) -> None:
    """An op computes the same for values without a batch as for one sample, or refuses them with advice."""
    for op in ops(word):
        for names in SETS:
            for shape in layouts(names):
                for shapes in operands(op, shape):
                    check_without_batch(op, shapes)


def check_without_batch(op: Op, batched: tuple[Shape, ...]) -> None:
    """Removes the batch of all operands, of the first and of the last."""
    if not accepted(op, batched):
        return
    for lone in {frozenset(range(len(batched))), frozenset({0}), frozenset({len(batched) - 1})}:
        shapes = tuple(Shape(shape.sizes, shape.names, index not in lone) for index, shape in enumerate(batched))
        if not accepted(op, shapes):
            continue
        given = values(op, shapes)
        whole = [
            value.expand(2, *value.shape) if index in lone and batched[index].batched else value
            for index, value in enumerate(given)
        ]
        made, expected = run(op, shapes, given), run(op, batched, whole)
        for value, same, shape in zip(made, expected, op.infer(*shapes), strict=True):
            torch.testing.assert_close(
                value, same if shape.batched or value.dim() == same.dim() else same[0], equal_nan=True
            )


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("names", SETS, ids=str)
def test_flatten_and_permute_by_place(names: Names, batched: bool) -> None:
    for shape in layouts(names, batched=batched):
        value = torch.randn(*(2,) * batched, *shape.sizes)
        for start in range(shape.rank):
            check(BY_WORD["flatten"].model_validate({"start": start}), shape, value, value.flatten(shape.dim(start)))
        order = tuple(reversed(range(shape.rank)))
        expected = value.permute(*range(batched), *map(shape.dim, order))
        check(BY_WORD["permute"].model_validate({"axes": order}), shape, value, expected)
        if None not in names:
            named = [shape.names[axis] for axis in order]
            check(BY_WORD["permute"].model_validate({"axes": named}), shape, value, expected)


def check(op: Op, shape: Shape, value: Tensor, expected: Tensor) -> None:
    """Compares an op with torch's result, including shape and batch."""
    (inferred,) = op.infer(shape)
    assert (*(2,) * inferred.batched, *inferred.sizes) == expected.shape
    assert torch.equal(Lowered(op.lower(shape), "cpu")(value), expected)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_an_axis_that_keeps_its_name_is_that_axis(data: st.DataObject) -> None:
    """Indices along each axis are found along the axis of that name after a reshape."""
    names = tuple(data.draw(st.permutations(data.draw(st.sampled_from(SETS)))))
    sizes = tuple(data.draw(st.sampled_from((1, 2, 3, 4))) for _ in names)
    shape = Shape(sizes, names)
    parts = [data.draw(st.sampled_from([n for n in (1, 2, 3, 4) if prod(sizes) % n == 0])) for _ in range(2)]
    new = data.draw(st.sampled_from([sizes, (*sizes, 1), (parts[0], -1), (1, -1), (*sizes[:-1], parts[0], -1), (-1,)]))
    if prod(size for size in new if size > 0) * (0 if -1 in new else 1) not in (0, prod(sizes)):
        return
    try:
        (made,) = BY_WORD["reshape"].model_validate({"sizes": new}).infer(shape)
    except ShapeError:
        return
    assert made.names == kept_names(shape, made.sizes)
    for axis, name in enumerate(shape.names):
        place = made.axis(name) if name else None
        if place is None or made.sizes[place] != shape.sizes[axis]:
            continue
        count = torch.arange(shape.sizes[axis]).reshape(-1, *(1,) * (shape.rank - 1 - axis)).expand(shape.sizes)
        found = count.reshape(made.sizes).movedim(place, 0).reshape(made.sizes[place], -1)
        merged = made.rank < shape.rank and name in (
            "tokens",
            "channels",
            "features",
        )  # it may be merged from several, all but one of size 1
        assert merged or torch.equal(found, torch.arange(made.sizes[place])[:, None].expand(found.shape))


@pytest.mark.parametrize("alone", [(), (0,), (1,), (0, 1)])
@pytest.mark.parametrize("transpose", [False, True])
def test_matrices_without_a_batch(alone: tuple[int, ...], transpose: bool) -> None:
    op = BY_WORD["matmul"].model_validate({"transpose": transpose})
    shapes = (
        Shape.of(3, 4, batched=0 not in alone),
        Shape.of(*((5, 4) if transpose else (4, 5)), batched=1 not in alone),
    )
    tensors = [torch.randn(*(2,) * shape.batched, *shape.sizes) for shape in shapes]
    expected = tensors[0] @ (tensors[1].transpose(-2, -1) if transpose else tensors[1])
    (made,) = op.infer(*shapes)
    assert (*(2,) * made.batched, *made.sizes) == expected.shape
    assert torch.equal(Lowered(op.lower(*shapes), "cpu")(*tensors), expected)
