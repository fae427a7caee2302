"""Triton kernels on values in channels-last layout: rows of channels, a row for each place of each image.

A row may be part of a longer one, as in a concatenation's buffer. Values are converted to float32, and results to the type of the
output. Comparisons keep NaN, as in torch.
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor
from triton import language as tl

from archspec.codegen.fx.kernels.activations import Activation
from archspec.codegen.fx.kernels.available import count_in_units
from archspec.codegen.fx.kernels.launching import launch

_TILE = 4096
"""The elements of one program."""
_WIDEST = 256
"""The most channels of a row in one program."""
CODES: dict[Activation | None, int] = {None: 0, "relu": 1, "relu6": 2, "hardswish": 3, "silu": 4}
OPTIONS = {"enable_fp_fusion": True}
"""Of the compiler: a product and a sum are rounded once. Left open, Triton warns that its default changes."""
KINDS: dict[str | None, int] = {None: 0, "clamp": 1, "scale": 2, "scale_relu": 3}
"""What is computed with two numbers of each channel: its bounds, or its factor and shift."""


@triton.jit
def _activate(x, code: tl.constexpr):
    if code == 1:
        x = tl.where(x < 0.0, 0.0, x)
    if code == 2:
        x = tl.where(x < 0.0, 0.0, x)
        x = tl.where(x > 6.0, 6.0, x)
    if code == 3:
        gate = x + 3.0
        gate = tl.where(gate < 0.0, 0.0, gate)
        gate = tl.where(gate > 6.0, 6.0, gate)
        x = x * gate / 6.0
    if code == 4:
        x = x / (1.0 + tl.exp(-x))
    return x


@triton.jit
def _transform(value, first, second, kind: tl.constexpr):
    if kind == 1:
        value = tl.where(value < first, first, value)
        value = tl.where(value > second, second, value)
    if kind >= 2:
        value = value * first + second
    if kind == 3:
        value = tl.where(value < 0.0, 0.0, value)
    return value


@triton.jit
def _finish(
    made,
    bias,
    other,
    rows,
    channels,
    made_stride,
    other_stride,
    unit: tl.constexpr,
    has_bias: tl.constexpr,
    has_other: tl.constexpr,
    code: tl.constexpr,
    tall: tl.constexpr,
    wide: tl.constexpr,
):
    channels, made_stride, other_stride = channels * unit, made_stride * unit, other_stride * unit
    row = tl.program_id(0).to(tl.int64) * tall + tl.arange(0, tall)[:, None]
    channel = tl.program_id(1) * wide + tl.arange(0, wide)[None, :]
    inside = (row < rows) & (channel < channels)
    place = made + row * made_stride + channel
    x = tl.load(place, inside, other=0.0).to(tl.float32)
    if has_bias:
        x += tl.load(bias + channel, channel < channels, other=0.0).to(tl.float32)
    if has_other:
        x += tl.load(other + row * other_stride + channel, inside, other=0.0).to(tl.float32)
    tl.store(place, _activate(x, code).to(made.dtype.element_ty), inside)


@triton.jit
def _combine(
    x,
    pair,
    result,
    rows,
    channels,
    stride,
    unit: tl.constexpr,
    kind: tl.constexpr,
    tall: tl.constexpr,
    wide: tl.constexpr,
):
    channels, stride = channels * unit, stride * unit
    row = tl.program_id(0).to(tl.int64) * tall + tl.arange(0, tall)[:, None]
    channel = tl.program_id(1) * wide + tl.arange(0, wide)[None, :]
    inside = (row < rows) & (channel < channels)
    value = tl.load(x + row * stride + channel, inside, other=0.0).to(tl.float32)
    first = tl.load(pair + channel, channel < channels, other=0.0).to(tl.float32)
    second = tl.load(pair + channels + channel, channel < channels, other=0.0).to(tl.float32)
    value = _transform(value, first, second, kind)
    tl.store(result + row * channels + channel, value.to(result.dtype.element_ty), inside)


def has_rows(x: Tensor) -> bool:
    """Whether a value [batch, channels, height, width] is stored as rows of channels with a constant stride."""
    if x.dim() != 4:
        return False
    stride = row_stride(x)
    _, channels, height, width = x.shape
    expected = (height * width * stride, 1, width * stride, stride)
    places = zip(x.shape, x.stride(), expected, strict=True)
    return stride >= channels and all(size == 1 or step == wanted for size, step, wanted in places)


def row_stride(x: Tensor) -> int:
    """The stride of the rows."""
    batch, channels, height, width = x.shape
    if width > 1:
        return x.stride(3)
    if height > 1:
        return x.stride(2)
    return x.stride(0) if batch > 1 else channels


def finish_convolution(made: Tensor, bias: Tensor | None, other: Tensor | None, activation: Activation | None) -> None:
    """Writes activation(made + bias + other) over `made`."""
    rows, grid, tile = _tile(made)
    extra = made if other is None else other
    unit, *sizes = count_in_units(made.shape[1], row_stride(made), row_stride(extra))
    with torch.cuda.device(made.get_device()):
        launch(
            _finish,
            grid,
            *(made, made if bias is None else bias, extra, rows, *sizes),
            unit=unit,
            has_bias=bias is not None,
            has_other=other is not None,
            code=CODES[activation],
            **tile,
            **OPTIONS,
        )


def clamp_channels(x: Tensor, bounds: Tensor) -> Tensor:
    """Each channel between its two bounds [2, channels, 1, 1]."""
    return _combine_channels(x, bounds, KINDS["clamp"])


def scale_channels(x: Tensor, pair: Tensor, *, relu: bool) -> Tensor:
    """Each channel times a factor plus a shift [2, channels, 1, 1], rectified if `relu`."""
    return _combine_channels(x, pair, KINDS["scale_relu" if relu else "scale"])


def _combine_channels(x: Tensor, pair: Tensor, kind: int) -> Tensor:
    result = torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    rows, grid, tile = _tile(x)
    unit, *sizes = count_in_units(x.shape[1], row_stride(x))
    with torch.cuda.device(x.get_device()):
        options = {"unit": unit, "kind": kind, **tile, **OPTIONS}
        launch(_combine, grid, x, pair.contiguous(), result, rows, *sizes, **options)
    return result


def _tile(x: Tensor) -> tuple[int, tuple[int, int], dict[str, int]]:
    """The number of rows, the grid of programs, and the tile of each."""
    channels = x.shape[1]
    rows = x.numel() // channels
    wide = min(triton.next_power_of_2(channels), _WIDEST)
    tall = _TILE // wide
    return rows, (triton.cdiv(rows, tall), triton.cdiv(channels, wide)), {"tall": tall, "wide": wide}
