"""The initialisation of weights and its random generators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx.weights import construct_state, fill_tensor, initialise_state
from archspec.ir.graph import Graph
from archspec.ops.conv import Conv
from archspec.ops.initial import Init
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from tests.hand import Hand, residual, transformer

build: Callable[..., Any] = build_graph
"""Any, because a type checker cannot know the modules that a network has."""

CPU = torch.device("cpu")


def one(op: Conv | Linear | BatchNorm, *sizes: int) -> Graph:
    hand = Hand()
    return hand.give(output=hand.one(op, hand.input("input", *sizes), name="layer"))


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (build(residual(), seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(map(torch.equal, first.values(), second.values()))
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_a_seed_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(residual(), seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_without_a_seed_the_global_generator_is_used() -> None:
    torch.manual_seed(5)
    first = build(residual(), seed=None)
    second = build(residual(), seed=None)
    torch.manual_seed(5)
    again = build(residual(), seed=None)
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, second.conv1.weight)


def test_torch_s_own_initialisation_where_the_op_says_nothing() -> None:
    model = build(one(Linear(out=300), 200), seed=2)
    torch.manual_seed(2)
    theirs = nn.Linear(200, 300)
    assert torch.equal(model.layer.weight, theirs.weight)
    assert torch.equal(model.layer.bias, theirs.bias)
    norm = build(one(BatchNorm(), 4, 8, 8)).layer.state_dict()
    reference = nn.BatchNorm2d(4).state_dict()
    assert all(torch.equal(norm[name], reference[name]) for name in reference)


def test_attention_is_initialised_as_torch_does() -> None:
    model = build(transformer(), seed=2)
    for name in ("in_proj_weight", "out_proj.weight"):
        weight = model.get_parameter(f"encoder.0.attention.{name}")
        assert 0 < weight.abs().max() < 1.5
    assert model.get_parameter("encoder.0.attention.out_proj.bias").abs().max() == 0
    assert model.class_token.abs().max() == 0


def test_an_op_says_how_some_of_its_weights_begin() -> None:
    model = build(transformer(init=0.25))
    assert (model.class_token == 0.25).all()
    attention = model.get_submodule("encoder.1.attention")
    assert (attention.out_proj.weight == 0.25).all()
    assert attention.in_proj_weight.unique().numel() > 10


def test_a_number_is_a_constant_and_the_rest_is_torch_s() -> None:
    layer = build(one(Linear(out=8, bias_init=-6.0), 4)).layer
    assert (layer.bias == -6).all()
    assert layer.weight.unique().numel() == 32


STD = {
    "kaiming_normal": math.sqrt(2 / (64 * 9)),
    "kaiming_uniform": math.sqrt(2 / (64 * 9)),
    "xavier_normal": math.sqrt(2 / (64 * 9 + 128 * 9)),
    "xavier_uniform": math.sqrt(2 / (64 * 9 + 128 * 9)),
    "normal": 1.0,
    "uniform": math.sqrt(1 / 12),
    "trunc_normal": 0.8796,
    "constant": 0.0,
    "orthogonal": math.sqrt(1 / (64 * 9)),
}


@pytest.mark.parametrize("kind", STD)
def test_schemes_have_the_spread_that_they_should(kind: str) -> None:
    weight = build(one(Conv(out=128, kernel=3, init=Init(kind=kind)), 64, 8, 8)).layer.weight
    assert weight.std().item() == pytest.approx(STD[kind], rel=0.02)


def test_schemes_take_their_options() -> None:
    weight = torch.empty(128, 64, 3, 3)
    fill_tensor(weight, Init(kind="kaiming_normal", mode="fan_out", nonlinearity="leaky_relu", slope=1.0))
    assert weight.std().item() == pytest.approx(math.sqrt(1 / (128 * 9)), rel=0.02)
    fill_tensor(weight, Init(kind="xavier_uniform", gain=3.0))
    assert weight.std().item() == pytest.approx(3 * STD["xavier_uniform"], rel=0.02)
    fill_tensor(weight, Init(kind="normal", mean=5.0, std=0.1))
    assert weight.mean().item() == pytest.approx(5.0, abs=0.01)
    fill_tensor(weight, Init(kind="trunc_normal", std=0.5, low=-0.2, high=0.1))
    assert -0.2 <= weight.min().item() <= weight.max().item() <= 0.1
    fill_tensor(weight, Init(kind="uniform", low=2.0, high=3.0))
    assert 2.0 <= weight.min().item() <= weight.max().item() <= 3.0
    fill_tensor(weight, Init(kind="constant", value=0.5))
    assert (weight == 0.5).all()


def test_nothing_is_drawn_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(nn.init, "kaiming_uniform_", lambda tensor, **options: drawn.append("uniform"))
    op = Conv(out=4, kernel=3, bias=False, init=Init(kind="kaiming_normal"))
    graph = one(op, 3, 8, 8)
    build(graph)
    assert drawn == []
    assert type(construct_state(op.lower(*next(graph.ops).input_shapes)[0], CPU, None)) is nn.Conv2d
    state = construct_state(Conv(out=4).lower(*next(graph.ops).input_shapes)[0], CPU, None)
    initialise_state(state, Conv(out=4))
    assert drawn == ["uniform"]
