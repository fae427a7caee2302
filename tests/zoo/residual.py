"""Residual networks in plain PyTorch, written from their papers without the compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn
F = nn.functional


def conv(before: int, after: int, kernel: int, stride: int = 1, *, bias: bool = False) -> Any:
    return nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=bias)


class Padded(nn.Module):  # type: ignore[misc, name-defined]
    """Option A of He et al. 2015: subsampling, and zeros for the new channels."""

    def forward(self, x: Any) -> Any:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))


class Averaged(nn.Module):  # type: ignore[misc, name-defined]
    """Option A as in the release of Huang et al. 2016: means of 2x2 places."""

    def forward(self, x: Any) -> Any:
        means = (x[:, :, ::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, ::2] + x[:, :, 1::2, 1::2]) / 4
        return torch.cat([means, torch.zeros_like(means)], dim=1)


def projected(before: int, after: int, stride: int) -> Any:
    return nn.Sequential(conv(before, after, 1, stride), nn.BatchNorm2d(after))


class Basic(nn.Module):  # type: ignore[misc, name-defined]
    """He et al. 2015, Figure 5 (left): relu(F(x) + shortcut(x)); F may be multiplied by a number."""

    def __init__(self, before: int, width: int, stride: int, shortcut: Any, *, bias: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(before, width, 3, stride, bias=bias), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, bias=bias), nn.BatchNorm2d(width)
        self.shortcut = shortcut
        self.factor: float | None = None

    def residual(self, x: Any) -> Any:
        value = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return value if self.factor is None else value * self.factor

    def forward(self, x: Any) -> Any:
        return torch.relu(self.residual(x) + self.shortcut(x))


class Gated(Basic):
    """He et al. 2016, Figure 2(c) and (d): (1 - g) x + g F, or (1 - g) x + F, with g = sigmoid(W x + b)."""

    def __init__(self, before: int, width: int, stride: int, shortcut: Any, *, exclusive: bool) -> None:
        super().__init__(before, width, stride, shortcut)
        self.exclusive = exclusive
        plain = dict(self.named_children())
        for name in plain:
            delattr(self, name)
        self.gate = conv(before, width, 1, stride, bias=True)
        for name, module in plain.items():
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        g = torch.sigmoid(self.gate(x))
        branch = self.residual(x)
        return torch.relu((branch * g if self.exclusive else branch) + self.shortcut(x) * (-g + 1))


class Bottleneck(nn.Module):  # type: ignore[misc, name-defined]
    """He et al. 2015, Figure 5 (right), with the stride on the first 1x1."""

    def __init__(self, before: int, width: int, stride: int, shortcut: Any) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(before, width, 1, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.shortcut = shortcut

    def forward(self, x: Any) -> Any:
        value = torch.relu(self.bn1(self.conv1(x)))
        value = torch.relu(self.bn2(self.conv2(value)))
        return torch.relu(self.bn3(self.conv3(value)) + self.shortcut(x))


class Figure4(nn.Module):  # type: ignore[misc, name-defined]
    """He et al. 2016, Figure 4(b) to (e); the `first` unit of a stage also activates the input of its skip connection."""

    def __init__(self, kind: str, before: int, width: int, stride: int, *, first: bool) -> None:
        super().__init__()
        self.kind, self.first = kind, first
        self.shortcut = Padded() if before != width else nn.Identity()
        if kind == "e":
            self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = conv(before, width, 3, stride)
        if kind != "e":
            self.bn1 = nn.BatchNorm2d(width)
        else:
            self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        if kind != "e":
            self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Any) -> Any:
        if self.kind == "e":
            active = torch.relu(self.bn1(x))
            branch = self.conv2(torch.relu(self.bn2(self.conv1(active))))
            return branch + self.shortcut(active if self.first else x)
        active = torch.relu(x) if self.kind == "d" else x
        branch = self.conv2(torch.relu(self.bn1(self.conv1(active))))
        if self.kind == "b":
            return torch.relu(self.bn2(branch + self.shortcut(x)))
        if self.kind == "c":
            return torch.relu(self.bn2(branch)) + self.shortcut(x)
        return self.bn2(branch) + self.shortcut(active if self.first else x)


class Preactivated(nn.Module):  # type: ignore[misc, name-defined]
    """BN-ReLU before each convolution. A `projection` starts from the activated input; the input of `bare` units is already activated."""

    def __init__(
        self, convs: Sequence[Any], projection: Any = None, *, bare: bool = False, dropout: Any = None
    ) -> None:
        super().__init__()
        self.bare = bare
        layers: list[Any] = []
        for index, layer in enumerate(convs):
            if index or not bare:
                layers += [nn.BatchNorm2d(layer.in_channels), nn.ReLU()]
            if index and dropout is not None:
                layers.append(dropout)
            layers.append(layer)
        self.shared = nn.Sequential(*layers[: 0 if bare else 2])
        self.layers = nn.Sequential(*layers[0 if bare else 2 :])
        self.projection = projection

    def forward(self, x: Any) -> Any:
        active = self.shared(x)
        return self.layers(active) + (x if self.projection is None else self.projection(active))


def preactivated_basic(before: int, width: int, stride: int, **options: Any) -> Any:
    projection = conv(before, width, 1, stride) if before != width else None
    return Preactivated([conv(before, width, 3, stride), conv(width, width, 3)], projection, **options)


def preactivated_bottleneck(before: int, width: int, stride: int, *, early: bool, bare: bool = False) -> Any:
    """With `early`, the stride is on the first 1x1 and not on the 3x3."""
    strides = (stride, 1) if early else (1, stride)
    convs = [conv(before, width, 1, strides[0]), conv(width, width, 3, strides[1]), conv(width, 4 * width, 1)]
    projection = conv(before, 4 * width, 1, stride) if before != 4 * width else None
    return Preactivated(convs, projection, bare=bare)


class RawWide(nn.Module):  # type: ignore[misc, name-defined]
    """The unit of meliketoy/wide-resnet.pytorch."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), conv(before, width, 3, bias=True)
        self.bn2, self.conv2 = nn.BatchNorm2d(width), conv(width, width, 3, stride, bias=True)
        self.shortcut = conv(before, width, 1, stride, bias=True) if before != width else nn.Identity()

    def forward(self, x: Any) -> Any:
        return self.conv2(torch.relu(self.bn2(self.conv1(torch.relu(self.bn1(x)))))) + self.shortcut(x)


Unit = Callable[[int, int, int, int], Any]
"""Makes a unit from the channels before it, its width, its stride and its number in the stage, from 0."""


def network(
    unit: Unit,
    widths: Sequence[int],
    depths: Sequence[int],
    stem: Sequence[Any],
    end: Sequence[Any] = (),
    *,
    start: int = 16,
    expansion: int = 1,
    classes: int = 10,
) -> Any:
    """Stem, stages of units (each but the first halves the size), end, mean of all places, linear classifier."""
    units = []
    before = start
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for number in range(depth):
            units.append(unit(before, width, 2 if stage and not number else 1, number))
            before = expansion * width
    return nn.Sequential(*stem, *units, *end, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def activated(channels: int) -> list[Any]:
    return [nn.BatchNorm2d(channels), nn.ReLU()]


def cifar(unit: Unit, n: int, *, stem: Sequence[Any] | None = None, **options: Any) -> Any:
    first = [conv(3, 16, 3), *activated(16)] if stem is None else stem
    return network(unit, (16, 32, 64), (n, n, n), first, **options)


def imagenet_stem() -> list[Any]:
    return [conv(3, 64, 7, 2), *activated(64), nn.MaxPool2d(3, 2, 1)]
