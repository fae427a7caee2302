"""The cells of NAS-Bench-201 (Dong and Yang 2020, arXiv:2001.00326), compared with a network in plain PyTorch."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

import archspec

torch = pytest.importorskip("torch")
nn = torch.nn

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The edges of a cell, from a node to a later one, in the order of the release."""
NAMES = tuple(f"edge{end}_{start}" for start, end in EDGES)
OPERATIONS = ("none", "skip", "pool", "conv1x1", "conv3x3")


class Convolution(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        self.op = nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(after))

    def forward(self, x: Any) -> Any:
        return self.op(x)


class Zero(nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x * 0


def operation(name: str, width: int) -> Any:
    match name:
        case "none":
            return Zero()
        case "skip":
            return nn.Identity()
        case "pool":
            return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        case "conv1x1":
            return Convolution(width, width, 1)
    return Convolution(width, width, 3)


class Cell(nn.Module):  # type: ignore[misc, name-defined]
    """Each node is the sum of the operations on the edges that end in it."""

    def __init__(self, names: Sequence[str], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(operation(name, width) for name in names)

    def forward(self, x: Any) -> Any:
        nodes = [x]
        for node in (1, 2, 3):
            edges = [(layer, start) for layer, (start, end) in zip(self.layers, EDGES, strict=True) if end == node]
            total = edges[0][0](nodes[edges[0][1]])
            for layer, start in edges[1:]:
                total = total + layer(nodes[start])
            nodes.append(total)
        return nodes[3]


class Reduction(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_a, self.conv_b = Convolution(width, 2 * width, 3, 2), Convolution(2 * width, 2 * width, 3)
        self.downsample = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(width, 2 * width, 1, bias=False))

    def forward(self, x: Any) -> Any:
        return self.conv_b(self.conv_a(x)) + self.downsample(x)


class Network(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        cells: list[Any] = []
        for width in (16, 32, 64):
            cells += [Reduction(width // 2)] if width > 16 else []
            cells += [Cell(names, width) for _ in range(5)]
        self.cells = nn.Sequential(*cells)
        self.lastact = nn.Sequential(nn.BatchNorm2d(64), nn.ReLU())
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.lastact(self.cells(self.stem(x))).mean((2, 3)))


def load(names: Sequence[str]) -> archspec.Architecture:
    edges: dict[str, Any] = dict(zip(NAMES, names, strict=True))
    return archspec.load("nas_bench_201", **edges)


def choose(count: int) -> list[tuple[str, ...]]:
    """Different cells, drawn at random."""
    return random.Random(0).sample(list(itertools.product(OPERATIONS, repeat=6)), count)


@pytest.mark.parametrize("count", [3, pytest.param(500, marks=pytest.mark.slow)])
def test_random_cells_have_the_parameters_of_the_network_in_plain_pytorch(count: int) -> None:
    for names in choose(count):
        with torch.device("meta"):
            twin = Network(names)
        assert load(names).params == sum(parameter.numel() for parameter in twin.parameters()), names


@pytest.mark.parametrize("names", choose(2), ids="-".join)
def test_random_cells_have_the_function_of_the_network_in_plain_pytorch(names: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    twin = Network(names).eval()
    built = load(names).build(device="cpu").eval()
    built.load_state_dict(twin.state_dict(), strict=True)
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(built(image), twin(image))
