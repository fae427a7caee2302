"""Kinds of layers that libraries write by hand: blurs, folded tokens, stacks, tables of distances, results in nested mappings."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec


class Blur(nn.Module):
    """A blur with a binomial kernel, which is a buffer, between mirrored borders (Zhang 2019)."""

    kernel: Tensor

    def __init__(self, size: int = 4, channels: int = 2, persistent: bool = False) -> None:
        super().__init__()
        row = torch.tensor([[1.0, 1.0], [1.0, 2.0]]) if size < 3 else torch.tensor([[1.0, 3.0, 3.0, 1.0]])
        row = row[0] / row[0].sum()
        self.conv = nn.Conv2d(1, channels, 1)
        kernel = (row[:, None] * row[None, :]).repeat(channels, 1, 1, 1)
        self.register_buffer("kernel", kernel, persistent=persistent)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(self.conv(x), (1, 2, 1, 2), mode="reflect")
        return functional.conv2d(x, self.kernel, stride=2, groups=x.shape[1])


class Folded(nn.Module):
    """Tokens that are folded into the batch for a batch norm, and a table of distances between every other place and all (LeViT)."""

    index: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm, self.table = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Parameter(torch.rand(2, 9))
        places = [*itertools.product(range(3), range(3))]
        queries = [place for place in places if place[0] % 2 == place[1] % 2 == 0]
        index = [[3 * abs(a - c) + abs(b - d) for c, d in places] for a, b in queries]
        self.register_buffer("index", torch.tensor(index), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        x = self.norm(x.flatten(0, 1)).reshape_as(x)
        scores = self.table[:, self.index] + x.unflatten(2, (2, 4)).permute(0, 2, 3, 1)
        return scores.softmax(-1)


class Stacked(nn.Module):
    """Two heads whose mean is that of a stack, in a mapping in a mapping (CrossViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(4, 3) for _ in range(2))

    def forward(self, x: Tensor) -> dict[str, object]:
        results = [head(x) for head in self.heads]
        return {"mean": torch.stack(results, dim=0).mean(dim=0), "all": {"first": results[0], "last": results[1]}}


class Scaled(nn.Module):
    """A group norm with a factor and no shift, and a division by the deviation of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.factor = nn.Conv2d(1, 4, 3), FactorNorm()

    def forward(self, x: Tensor) -> Tensor:
        x = self.factor(self.conv(x))
        return x / (x.std((2, 3), keepdim=True) + x.var((2, 3), unbiased=False, keepdim=True) + 1)


class FactorNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, 2, self.weight, None)


MODELS: dict[str, tuple[type[nn.Module], tuple[int, ...], tuple[str, ...]]] = {
    "blur": (Blur, (1, 6, 6), ("avgpool: {kernel: 2, stride: 1}", "avgpool: 2", "slice: {start: 1, stop: 2")),
    "folded": (Folded, (9, 8), ("kind: absolute_distance, sizes: [3, 3], step: 2", "batchnorm")),
    "scaled": (Scaled, (1, 6, 6), ("groupnorm: {groups: 2, affine: false}", "power: 0.5")),
    "stacked": (Stacked, (4,), ("mean: [linear_out, linear_out2]", "outputs: [mean, all_first, all_last]")),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_kind_of_layers_comes_back(name: str) -> None:
    make, sizes, lines = MODELS[name]
    torch.manual_seed(0)
    result = archspec.imported(make(), sizes, name=name)
    assert result.problems == ()
    assert result.proof is not None
    assert result.proof.holds
    for line in lines:
        assert line in (result.spec or "").replace("\n", " "), result.spec


class Functional(nn.Module):
    """Weights of two layers in one dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterDict({"first": torch.rand(4, 1, 3, 3), "shift": torch.rand(4)})

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weights["first"], self.weights["shift"])


@pytest.mark.parametrize(
    ("model", "message", "help"),
    [
        (Functional(), "weights that are not weight and bias of one module: weights.first", "make it a module of"),
        (Blur(persistent=True), "the buffer kernel, which is no binomial blur", ""),
    ],
)
def test_functions_of_other_tensors_say_what_helps(model: nn.Module, message: str, help: str) -> None:
    (problem,) = archspec.imported(model, (1, 8, 8)).problems
    assert message in problem.message
    assert help in problem.help
