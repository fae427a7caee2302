"""Random graphs of small layers come back with equal outputs, and each module that an op lowers to is lifted to that op."""

from __future__ import annotations

import importlib
import random
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import archspec
from archspec.ops.base import ShapeError
from archspec.recording.leaf_modules import find_leaf_class, read_options
from archspec.recording.lifting import find_forms, lift_module
from archspec.recording.modules import SPECIAL
from tests.ops.cases import cases

CHANNELS, SIDE = 4, 6
LAYERS = (
    lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
    lambda: nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False),
    lambda: nn.BatchNorm2d(CHANNELS),
    lambda: nn.GroupNorm(2, CHANNELS),
    lambda: nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), nn.ReLU(inplace=True)),
    nn.GELU,
    lambda: nn.MaxPool2d(3, 1, 1),
)
FUNCTIONS = (
    torch.relu,
    torch.sigmoid,
    torch.tanh,
    lambda x: x * 0.5 + 1,
    lambda x: (1 - x) / 3,
    lambda x: x.roll((1, -2), (2, 3)),
    lambda x: nn.functional.interpolate(x[:, :, ::2, ::2], scale_factor=2),
    lambda x: x.permute(0, 2, 3, 1).softmax(-1).permute(0, 3, 1, 2),
    lambda x: x + torch.linspace(0, 1, SIDE, device=x.device),
    lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
)
JOINS = (
    torch.add,
    torch.mul,
    torch.maximum,
    lambda a, b: a - b,
    lambda a, b: torch.cat((a[:, :1], b[:, 1:]), 1),
    lambda a, b: a * b.mean((2, 3), keepdim=True).sigmoid(),
    lambda a, b: a / (b.abs() + 1),
    lambda a, b: ((a.flatten(2) @ b.flatten(2).transpose(1, 2)).softmax(-1) @ a.flatten(2)).view(a.shape),
)


class RandomNetwork(nn.Module):
    """A random directed acyclic graph of layers, functions and joins: each step reads one or two earlier values."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        choose = random.Random(seed)
        self.steps: list[tuple[int, int, int, int]] = []
        modules = []
        for count in range(1, choose.randint(4, 12)):
            kind = choose.randrange(4)
            first, second = (max(0, count - 1 - int(choose.expovariate(0.7))) for _ in range(2))
            number = choose.randrange(100)
            if kind < 2:
                modules.append(LAYERS[number % len(LAYERS)]())
            self.steps.append((kind, number, first, second))
        self.parts = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        values, parts = [x], iter(self.parts)
        for kind, number, first, second in self.steps:
            if kind < 2:
                values.append(next(parts)(values[first]))
            elif kind == 2:
                values.append(FUNCTIONS[number % len(FUNCTIONS)](values[first]))
            else:
                values.append(JOINS[number % len(JOINS)](values[first], values[second]))
        total = values[-1]
        for value in values[1:-1]:
            total = total + value
        return total


def check_random(seed: int) -> None:
    torch.manual_seed(seed)
    model = RandomNetwork(seed)
    result = archspec.imported(model, (CHANNELS, SIDE, SIDE), name="random", proof=False)
    assert result.problems == (), f"seed {seed}: {result.problems[0]}"
    comparison = result.require().check_against(model)
    assert comparison.largest_difference == 0.0, f"seed {seed}: {comparison.diagnostics}"


@pytest.mark.parametrize("seed", range(6))
def test_a_random_network_comes_back(seed: int) -> None:
    check_random(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 2000, 50))
def test_many_random_networks_come_back(start: int) -> None:
    for seed in range(start, start + 50):
        check_random(seed)


LIFTED = sorted({form.op.word for target, form in find_forms().items() if target not in SPECIAL})


@pytest.mark.parametrize("word", LIFTED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_lowering_and_lifting_are_inverse(word: str, data: st.DataObject) -> None:
    """For every op that is one module: its options, read from the module, give an op that lowers to the same module."""
    case = data.draw(cases(word))
    try:
        case.op.infer(*case.inputs)
        case.op.check_initial(*case.inputs)
        calls = case.op.lower(*case.inputs)
    except ShapeError:
        return
    if len(calls) != 1 or calls[0].target not in find_forms():
        return
    package, _, name = calls[0].target.rpartition(".")
    module = getattr(importlib.import_module(package), name)(**calls[0].options)
    lifted = lift_module(find_leaf_class(module) or "", read_options(module))
    assert not isinstance(lifted, str), lifted
    again = type(case.op).model_validate(lifted[1])
    assert _per_axis(again.lower(*case.inputs)[0].options) == _per_axis(calls[0].options)


def _per_axis(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
        for name, value in options.items()
        if (name, value) != ("num_parameters", 1)
    }
