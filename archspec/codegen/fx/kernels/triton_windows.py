"""Triton kernels that slide a window over images in channels-last layout: pooling, and space to depth.

Each program computes a tile of places × channels of the result in float32. Neighbouring windows read the same elements, which the
caches of the GPU keep.
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor
from triton import language as tl

from archspec.codegen.fx.kernels.available import count_in_units
from archspec.codegen.fx.kernels.launching import launch
from archspec.codegen.fx.kernels.triton_channels import OPTIONS, row_stride

_TILE = 1024
"""The elements of one program."""
_WIDEST = 64
"""The most channels of one program."""
_KINDS = {"max": 0, "mean": 1, "mean_inside": 2}
"""The kinds of pooling: a mean counts the padding or not."""

Pair = tuple[int, int]


@triton.jit
def _pool(
    x,
    result,
    rows,
    channels,
    height,
    width,
    out_height,
    out_width,
    x_stride,
    unit: tl.constexpr,
    kernel_height: tl.constexpr,
    kernel_width: tl.constexpr,
    step_down: tl.constexpr,
    step_right: tl.constexpr,
    pad_above: tl.constexpr,
    pad_left: tl.constexpr,
    gap_down: tl.constexpr,
    gap_right: tl.constexpr,
    kind: tl.constexpr,
    tall: tl.constexpr,
    wide: tl.constexpr,
):
    channels, x_stride = channels * unit, x_stride * unit
    row = tl.program_id(0) * tall + tl.arange(0, tall)
    channel = tl.program_id(1) * wide + tl.arange(0, wide)[None, :]
    top = (row // out_width) % out_height * step_down - pad_above
    left = row % out_width * step_right - pad_left
    image = (row // out_width // out_height).to(tl.int64) * height * width
    if kind == 0:
        total = tl.full((tall, wide), float("-inf"), tl.float32)
    else:
        total = tl.full((tall, wide), 0.0, tl.float32)
    for down in tl.static_range(kernel_height):
        for right in tl.static_range(kernel_width):
            y, z = top + down * gap_down, left + right * gap_right
            inside = (row < rows) & (y >= 0) & (y < height) & (z >= 0) & (z < width)
            place = x + ((image + y * width + z) * x_stride)[:, None] + channel
            mask = inside[:, None] & (channel < channels)
            if kind == 0:
                value = tl.load(place, mask, other=float("-inf")).to(tl.float32)
                total = tl.where((value > total) | (value != value), value, total)  # noqa: PLR0124 - NaN stays
            else:
                total += tl.load(place, mask, other=0.0).to(tl.float32)
    if kind == 1:
        lines = tl.minimum(top + kernel_height, height + pad_above) - top
        columns = tl.minimum(left + kernel_width, width + pad_left) - left
        total = total / (lines * columns).to(tl.float32)[:, None]
    if kind == 2:
        lines = tl.minimum(top + kernel_height, height) - tl.maximum(top, 0)
        columns = tl.minimum(left + kernel_width, width) - tl.maximum(left, 0)
        total = total / (lines * columns).to(tl.float32)[:, None]
    target = result + row.to(tl.int64)[:, None] * channels + channel
    tl.store(target, total.to(result.dtype.element_ty), (row < rows)[:, None] & (channel < channels))


@triton.jit
def _rearrange(
    x,
    result,
    rows,
    height,
    width,
    block_rows,
    block_columns,
    image_stride,
    channel_stride,
    line_stride,
    column_stride,
    channels: tl.constexpr,
    step_down: tl.constexpr,
    step_right: tl.constexpr,
    lead_above: tl.constexpr,
    lead_left: tl.constexpr,
    deep: tl.constexpr,
    tall: tl.constexpr,
    wide: tl.constexpr,
):
    row = tl.program_id(0) * tall + tl.arange(0, tall)[:, None]
    channel = tl.arange(0, wide)[None, :]
    image = (row // block_columns // block_rows).to(tl.int64)
    y = ((row // block_columns) % block_rows - lead_above) * step_down + (channel // step_right) % step_down
    z = (row % block_columns - lead_left) * step_right + channel % step_right
    source = channel // (step_down * step_right)
    inside = (row < rows) & (source < channels) & (y >= 0) & (y < height) & (z >= 0) & (z < width)
    place = x + image * image_stride + source * channel_stride + y * line_stride + z * column_stride
    value = tl.load(place, inside, other=0.0)
    tl.store(result + row.to(tl.int64) * deep + channel, value, (row < rows) & (channel < deep))


def pool(x: Tensor, size: Pair, window: Pair, stride: Pair, padding: Pair, dilation: Pair, kind: str) -> Tensor:
    """The maximum, mean, or mean without the padding (`mean_inside`) of each window, of which there are `size`."""
    batch, channels, height, width = x.shape
    result = _empty(batch, channels, size, x)
    rows, grid, tile = _tile(result)
    unit, units, stride_units = count_in_units(channels, row_stride(x))
    with torch.cuda.device(x.get_device()):
        launch(
            _pool,
            grid,
            *(x, result, rows, units, height, width, *size, stride_units),
            *(unit, *window, *stride, *padding, *dilation),
            kind=_KINDS[kind],
            **tile,
            **OPTIONS,
        )
    return result


def rearrange(x: Tensor, blocks: Pair, step: Pair, lead: Pair, deep: int) -> Tensor:
    """The image [batch, deep, *blocks] whose channels are the elements of `step` of the channels of x, then zeros.

    `lead` blocks before the image are zeros.
    """
    batch, channels, height, width = x.shape
    result = _empty(batch, deep, blocks, x)
    rows, wide = batch * blocks[0] * blocks[1], triton.next_power_of_2(deep)
    tall = max(1, 2 * _TILE // wide)
    with torch.cuda.device(x.get_device()):
        launch(
            _rearrange,
            (triton.cdiv(rows, tall),),
            *(x, result, rows, height, width, *blocks, *x.stride(), channels, *step, *lead, deep),
            tall=tall,
            wide=wide,
        )
    return result


def _empty(batch: int, channels: int, size: Pair, like: Tensor) -> Tensor:
    """A value in channels-last layout."""
    shape = (batch, channels, *size)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _tile(result: Tensor) -> tuple[int, Pair, dict[str, int]]:
    """The number of rows, the grid of programs, and the tile of each."""
    channels = result.shape[1]
    rows = result.numel() // channels
    wide = min(triton.next_power_of_2(channels), _WIDEST)
    tall = _TILE // wide
    return rows, (triton.cdiv(rows, tall), triton.cdiv(channels, wide)), {"tall": tall, "wide": wide}
