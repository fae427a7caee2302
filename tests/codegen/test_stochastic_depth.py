"""Stochastic depth, compared with the paper's equations in plain PyTorch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec


class Unit(nn.Module):
    """H_l = ReLU(b_l f_l(H_{l-1}) + id(H_{l-1})), equation 2; at test time b_l is p_l, equation 5."""

    def __init__(self, before: int, width: int, survival: float) -> None:
        super().__init__()
        self.stride = 1 if before == width else 2
        self.f = nn.Sequential(
            nn.Conv2d(before, width, 3, self.stride, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1),
            nn.BatchNorm2d(width),
        )
        self.survival = survival

    def forward(self, x: Tensor, kept: bool) -> Tensor:
        shortcut = x
        if self.stride == 2:
            shortcut = functional.avg_pool2d(x, 2)
            shortcut = torch.cat([shortcut, torch.zeros_like(shortcut)], 1)
        if not self.training:
            return torch.relu(self.survival * self.f(x) + shortcut)
        return torch.relu(self.f(x) + shortcut if kept else shortcut)


class Reference(nn.Module):
    """Huang et al. 2016, with two units in each stage and the linear decay of equation 4."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 16, 16, 32, 32, 64, 64)
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16))
        self.units = nn.ModuleList(
            Unit(before, width, 1 - number / 6 * (1 - 0.5))
            for number, (before, width) in enumerate(pairwise(widths), start=1)
        )
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor, kept: tuple[bool, ...]) -> Tensor:
        x = torch.relu(self.stem(x))
        for unit, keep in zip(self.units, kept, strict=True):
            x = unit(x, keep)
        out: Tensor = self.fc(x.mean((2, 3)))
        return out


def pair() -> tuple[Any, Reference]:
    """A network and its reference with the same weights."""
    model: Any = archspec.load("stochastic_depth_resnet110_cifar10", n=2).build()
    reference = Reference()
    ours = model.state_dict().values()
    reference.load_state_dict(dict(zip(reference.state_dict(), ours, strict=True)))
    return model, reference


def same(ours: list[Tensor | None], theirs: list[Tensor | None]) -> bool:
    pairs = list(zip(ours, theirs, strict=True))
    return all((a is None) == (b is None) for a, b in pairs) and all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs if a is not None and b is not None
    )


def gradients(model: nn.Module) -> list[Tensor | None]:
    return [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("kept", [(1, 1, 1, 1, 1, 1), (0, 1, 1, 0, 1, 0), (1, 0, 0, 0, 0, 1), (0,) * 6])
def test_it_is_the_function_of_the_paper(images: Tensor, draws: list[bool], kept: tuple[int, ...]) -> None:
    model, reference = pair()
    fixed = tuple(map(bool, kept))
    draws[:] = fixed
    ours, theirs = model(images), reference(images, fixed)
    assert torch.equal(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    assert same(gradients(model), gradients(reference))
    assert all(map(torch.equal, model.state_dict().values(), reference.state_dict().values()))  # running statistics


def test_at_test_time_branches_are_scaled(images: Tensor) -> None:
    model, reference = pair()
    assert torch.equal(model.eval()(images), reference.eval()(images, (True,) * 6))
