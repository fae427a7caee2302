"""No channel changes that is outside `routes`, and the ranges are narrow."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD, OPS
from archspec.ops.base import ShapeError
from tests.ops.cases import Case, cases
from tests.ops.interpreter import Lowered
from tests.sample import sampled

BY_DEFINITION = {"batchnorm", "groupnorm", "layernorm", "rmsnorm", "instancenorm", "lrn"}
"""Normalisations, which keep the channel range by definition although the statistics of some mix channels."""
UNMOVED = {"bundle", "embedding", "lookup"}  # no lowering; whole numbers, which test_dependence.py changes


def outputs_of(module: Lowered, tensors: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        result: Any = module(*tensors)
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def changed(before: torch.Tensor, after: torch.Tensor, shape: Shape) -> set[int]:
    """The channels in which two values of a shape differ; a value without channels counts as one."""
    different = before != after
    if shape.channel_axis is None:
        return {0} if different.any() else set()
    channels = different.movedim(shape.dim(shape.channel_axis), 0).reshape(shape.channels, -1)
    return set(channels.any(dim=1).nonzero().flatten().tolist())


def check(case: Case, operand: int, reached: range) -> None:
    shapes = case.op.infer(*case.inputs)
    torch.manual_seed(0)
    module = Lowered(case.op.lower(*case.inputs), "cpu").eval()
    tensors = [torch.rand(*(1,) * shape.batched, *shape.sizes) for shape in case.inputs]
    before = outputs_of(module, tensors)
    shifted, given = tensors[operand].clone(), case.inputs[operand]
    part = shifted
    if given.channel_axis is not None:
        part = shifted.narrow(given.dim(given.channel_axis), reached.start, len(reached))
    part.add_(1.5)
    after = outputs_of(module, [*tensors[:operand], shifted, *tensors[operand + 1 :]])
    for index, shape in enumerate(shapes):
        route = case.op.routes(operand, reached, case.inputs, shapes, index)
        assert route is None or 0 <= route.start < route.stop <= shape.channels
        assert changed(before[index], after[index], shape) <= set(route or ())


@pytest.mark.parametrize("examples", sampled((4, 40), {4}))
@pytest.mark.parametrize("word", [op.word for op in OPS if op.word not in BY_DEFINITION | UNMOVED])
def test_nothing_changes_off_the_routes(word: str, examples: int) -> None:
    if word == "droppath" and find_spec("archspec.codegen.fx.modules") is None:
        pytest.skip("its module is of the torch back end")

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(cases(word), st.data())
    def follow(case: Case, data: st.DataObject) -> None:
        try:
            case.op.infer(*case.inputs)
        except ShapeError:
            assume(False)
        operand = data.draw(st.integers(0, len(case.inputs) - 1))
        channels = case.inputs[operand].channels
        start = data.draw(st.integers(0, channels - 1))
        check(case, operand, range(start, data.draw(st.integers(start + 1, channels))))

    follow()


def route(word: str, fields: dict[str, Any], inputs: tuple[Shape, ...], reached: range, **place: int) -> range | None:
    op = BY_WORD[word](**fields)
    return op.routes(place.get("operand", 0), reached, inputs, op.infer(*inputs), place.get("output", 0))


IMAGE = Shape.of(8, 4, 4)


@pytest.mark.parametrize(
    ("word", "fields", "inputs", "place", "reached", "expected"),
    [
        ("conv", {"out": 16}, (IMAGE,), {}, range(3, 4), range(16)),
        ("conv", {"out": 16, "groups": 4}, (IMAGE,), {}, range(3, 4), range(4, 8)),
        ("conv", {"out": 16, "groups": 4}, (IMAGE,), {}, range(3, 5), range(4, 12)),
        ("conv", {"out": 8, "groups": 8}, (IMAGE,), {}, range(3, 5), range(3, 5)),
        ("batchnorm", {}, (IMAGE,), {}, range(3, 5), range(3, 5)),
        ("concat", {}, (IMAGE, IMAGE), {"operand": 1}, range(3, 5), range(11, 13)),
        ("split", {"sizes": [4, 4]}, (IMAGE,), {"output": 1}, range(3, 6), range(2)),
        ("split", {"sizes": [4, 4]}, (IMAGE,), {"output": 1}, range(3, 4), None),
        ("slice", {"start": 2, "stop": 4}, (IMAGE,), {}, range(4, 8), None),
        ("pad", {"channels": [2, 3]}, (IMAGE,), {}, range(8), range(2, 10)),
        ("flatten", {}, (IMAGE,), {}, range(1, 3), range(16, 48)),
        ("globalpool", {}, (IMAGE,), {}, range(1, 3), range(1, 3)),
        ("linear", {"out": 5}, (Shape.of(8),), {}, range(1, 3), range(5)),
        ("multiply", {}, (IMAGE, Shape.of(1, 4, 4)), {"operand": 1}, range(1), range(8)),
        ("channelshuffle", {"groups": 2}, (IMAGE,), {}, range(1, 2), range(2, 3)),
        ("softmax", {}, (IMAGE,), {}, range(1), range(8)),
        ("softmax", {"axis": 1}, (IMAGE,), {}, range(1), range(1)),
    ],
)
def test_routes_are_narrow(
    word: str,
    fields: dict[str, Any],
    inputs: tuple[Shape, ...],
    place: dict[str, int],
    reached: range,
    expected: range | None,
) -> None:
    assert route(word, fields, inputs, reached, **place) == expected


def test_a_gate_carries_nothing() -> None:
    multiply, parameter = BY_WORD["multiply"](), BY_WORD["parameter"].model_validate({"shape": [3]})
    attention = BY_WORD["attention"].model_validate({"heads": 1})
    assert [multiply.carries(place, 3) for place in range(3)] == [True, False, False]
    assert [attention.carries(place, 3) for place in range(3)] == [False, False, True]
    assert [attention.carries(place, 2) for place in range(2)] == [False, True]
    assert attention.carries(0, 1)
    assert not parameter.carries(0, 1)
