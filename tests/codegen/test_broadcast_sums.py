"""Sums that broadcast by name: in the module, the printed source and the optimised network, and beside stochastic depth."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from archspec.ops.base import ShapeError

torch = pytest.importorskip("torch")

SUMS = {
    "a vector for each channel": ("[3, 6, 6]", "add: [conv: 4, [globalpool, linear: 4]]"),
    "the smaller first": ("[3, 6, 6]", "add: [[globalpool, linear: 4], conv: 4]"),
    "ones of places": ("[3, 6, 6]", "add: [conv: 4, [conv: 4, {adaptivepool: 1}], conv: 4]"),
    "columns": ("{height: 5, width: 4, channels: 3}", "add: [identity, {reduce: height}, {reduce: [width, channels]}]"),
    "a parameter": ("[5, 3]", "mean: [identity, {parameter: {shape: {features: 3}, batched: false, init: 2.0}}]"),
    "a maximum": ("[5, 3]", "max: [{reduce: tokens}, identity]"),
    "a dropped branch that is larger": (
        "[3, 6, 6]",
        "add: [[conv: 4, droppath: {p: 0.9, mode: batch}], [globalpool, linear: 4]]",
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_is_that_of_torch_with_axes_put_in_place(name: str) -> None:
    shape, join = SUMS[name]
    text = f"{{name: small, input: {shape}, stages: {{body: [{{{join}}}]}}}}"
    arch = archspec.load(text)
    model = arch.build(device="cpu", seed=0).eval()
    (inputs,) = arch.input_shapes.values()
    value = torch.randn(2, *inputs, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = model(value)
        assert tuple(made.shape) == (2, *next(iter(arch.output_shapes.values())))
        scope: dict[str, Any] = {}
        exec(arch.source(), scope)  # noqa: S102 - our own text
        printed = scope["Small"]().eval()
        printed.load_state_dict(model.state_dict())
        assert torch.equal(printed(value), made)
        optimised = arch.optimize()
        fast = optimised.build(device="cpu").eval()
        fast.load_state_dict(optimised.map_weights(model.state_dict()))
        torch.testing.assert_close(fast(value), made)
    for _ in range(4):
        assert model.train()(value).shape == made.shape


def test_a_sum_of_columns_is_by_name() -> None:
    text = "{name: small, input: {height: 5, width: 4, channels: 3}, stages: {body: [{add: [identity, {reduce: height}]}]}}"
    value = torch.randn(2, 5, 4, 3)
    assert torch.equal(archspec.load(text).build(device="cpu")(value), value + value.mean(1, keepdim=True))


def test_what_fits_in_two_places_is_refused() -> None:
    with pytest.raises(ShapeError, match="add needs equal shapes"):
        BY_WORD["add"]().infer(Shape((4, 4), (None, None)), Shape((4,), (None,)))
