"""Fused convolutions on a CPU, as one kernel of oneDNN."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from archspec.codegen.fx.kernels.activations import IN_PLACE, Activation

AVAILABLE: bool = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
ACTIVATIONS: tuple[Activation, ...] = ("relu", "relu6", "hardswish", "silu")
AFTER_SUM: tuple[Activation, ...] = ("relu",)
"""The activations that the kernel supports after a sum."""

_NAMES: dict[Activation | None, tuple[str, list[float]]] = {
    None: ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
    "hardswish": ("hardswish", []),
    "silu": ("swish", [1.0]),
}


def accepts(conv: nn.Conv2d, x: Tensor, other: Tensor | None) -> bool:
    """Whether the kernel supports these values: images in float32 with the right number of channels.

    For a single channel it leaves memory uninitialised if the result is one column wide.
    """
    floats = x.dtype == conv.weight.dtype == torch.float32 and (other is None or other.dtype == torch.float32)
    images = x.dim() == 4 and x.shape[1] == conv.in_channels > 1 and x.numel() > 0
    return AVAILABLE and floats and images


LEAST_SAVED = 100_000
"""The numbers that a fused call must not move to pay for itself: it takes 20 to 40 µs more than torch's convolution (operator, checks of
the input), and moving a number takes 0.3 ns and more. Measured with 16 to 2048 channels on 7 to 56 pixels, in one thread."""


_LOOP = 30_000
"""What one group of a 1×1 convolution costs, in numbers that are moved: torch computes these groups one by one, each in some 10 µs."""


def count_saved(weight: Sequence[int], groups: int) -> int:
    """What the kernel saves without a sum and an activation, in numbers that are moved: torch reorders a weight of several pixels for each input.

    >>> [count_saved((32, 32, 3, 3), 1), count_saved((32, 32, 1, 1), 1), count_saved((32, 1, 1, 1), 32)]
    [9216, 0, 960000]
    """
    return prod(weight) if prod(weight[2:]) > 1 else groups * _LOOP if groups > 1 else 0


def pays(conv: nn.Conv2d, count: int, *, sums: bool, activates: bool) -> bool:
    """Whether the kernel saves more than its call costs, for an input of `count` numbers.

    It saves a pass over the result for the sum and one for the activation, and what `count_saved` tells.

    >>> conv = nn.Conv2d(16, 16, 3, padding=1)
    >>> [pays(conv, batch * 16 * 32 * 32, sums=True, activates=True) for batch in (1, 8)]
    [False, True]
    """
    result = count * conv.out_channels // (conv.in_channels * conv.stride[0] * conv.stride[1])
    return count_saved(conv.weight.shape, conv.groups) + result * (sums + activates) >= LEAST_SAVED


def pack_weight(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The weight in the kernel's blocked layout."""
    weight = conv.weight.detach()
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, *_geometry(conv), x.shape)
    return packed


def convolve(
    conv: nn.Conv2d, x: Tensor, packed: Tensor, other: Tensor | None, activation: Activation | None, *, overwrites: bool
) -> Tensor:
    """activation(conv(x) + other). If `overwrites`, the result may be written over `other`."""
    result: Tensor
    if other is None:
        name, numbers = _NAMES[activation]
        result = torch.ops.mkldnn._convolution_pointwise.default(
            x, packed, conv.bias, *_geometry(conv), name, numbers, ""
        )
        return result
    within = activation if activation in AFTER_SUM else None
    ending = (packed, conv.bias, *_geometry(conv), "add", 1.0, within, [], "")
    if overwrites and other.is_contiguous(memory_format=torch.channels_last):
        result = torch.ops.mkldnn._convolution_pointwise_.binary(other, x, *ending)
    else:
        result = torch.ops.mkldnn._convolution_pointwise.binary(x, other, *ending)
    return result if activation is None or within else IN_PLACE[activation](result)


def _geometry(conv: nn.Conv2d) -> tuple[Any, ...]:
    return conv.padding, conv.stride, conv.dilation, conv.groups
