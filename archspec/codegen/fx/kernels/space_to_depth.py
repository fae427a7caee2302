"""Rearranges a strided convolution on few channels into one with stride 1 on more channels of a smaller image.

A matrix unit multiplies channels in blocks of 8 or 16, most of which a 7×7 convolution with stride 2 on 3 channels leaves idle; on 12
channels, padded to 16, it is a 4×4 convolution with stride 1. This is exact: the new weights are the old ones and zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archspec.codegen.fx.kernels import available
from archspec.ops.base import per_axis
from archspec.ops.conv import Conv

MAX_CHANNELS = 4
"""The most channels for which this is faster."""
_ALIGNMENT = 8
"""Channels are padded to a multiple of this, which is 16 bytes in half precision."""


def fits(conv: Conv, channels: int) -> bool:
    """Whether a convolution over 2 axes benefits: few channels, a stride, no groups and no dilation."""
    stride, kernel = per_axis(conv.stride, 2, "stride"), per_axis(conv.kernel, 2, "kernel")
    strided = max(stride) > 1 and all(map(int.__le__, stride, kernel))
    return (
        strided and channels <= MAX_CHANNELS and conv.groups == 1 and set(per_axis(conv.dilation, 2, "dilation")) == {1}
    )


def pack_weight(conv: nn.Conv2d) -> Tensor:
    """The weight [out, channels · strides, blocks, blocks] for an image that `rearrange_image` has made.

    Zeros are added before and after it, so that its window begins and ends with a block.
    """
    vertical, horizontal = _measure_axes(conv)
    weight = conv.weight.detach()
    out, channels = weight.shape[:2]
    padded = weight.new_zeros(out, channels, vertical.reach * vertical.step, horizontal.reach * horizontal.step)
    padded[:, :, vertical.window, horizontal.window] = weight
    split = padded.view(out, channels, vertical.reach, vertical.step, horizontal.reach, horizontal.step)
    deep = split.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    missing = -deep.shape[1] % _ALIGNMENT
    return nn.functional.pad(deep, (0, 0, 0, 0, 0, missing)).contiguous(memory_format=torch.channels_last)


def rearrange_image(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The image [batch, channels · strides, blocks, blocks] of all blocks that the convolution reads, in channels-last layout.

    Padding, rearrangement and layout take a single copy, by a kernel of Triton if there is one.
    """
    vertical, horizontal = _measure_axes(conv)
    batch, channels, height, width = x.shape
    rows, columns = vertical.count_blocks(height), horizontal.count_blocks(width)
    deep_channels = channels * vertical.step * horizontal.step
    padded = -(-deep_channels // _ALIGNMENT) * _ALIGNMENT
    kernels = available.find_kernels("windows", x)
    if kernels is not None:
        steps, leads = (vertical.step, horizontal.step), (vertical.lead, horizontal.lead)
        made: Tensor = kernels.rearrange(x, (rows, columns), steps, leads, padded)
        return made
    deep = x.new_zeros(batch, rows, columns, padded)
    rows, columns = rows - vertical.lead, columns - horizontal.lead
    x = _fit_size(x, rows * vertical.step, columns * horizontal.step)
    blocks = x.reshape(batch, channels, rows, vertical.step, columns, horizontal.step).permute(0, 2, 4, 1, 3, 5)
    inside = deep[:, vertical.lead :, horizontal.lead :, :deep_channels]
    torch.as_strided(inside, blocks.shape, _split_last(inside, blocks), inside.storage_offset()).copy_(blocks)
    return deep.permute(0, 3, 1, 2)


def _split_last(inside: Tensor, blocks: Tensor) -> tuple[int, ...]:
    """The strides of a value whose last axis is split into the last three of `blocks`."""
    _, _, _, _, high, wide = blocks.shape
    return (*inside.stride()[:3], high * wide, wide, 1)


def _fit_size(x: Tensor, height: int, width: int) -> Tensor:
    """The image cut, or padded with zeros, at its lower right edges."""
    below, behind = height - x.shape[2], width - x.shape[3]
    return nn.functional.pad(x, (0, behind, 0, below)) if below or behind else x


@dataclass(frozen=True)
class _Axis:
    """One spatial axis of a convolution, counted in elements and in blocks of `step` elements."""

    size: int
    """The size of the kernel, in elements."""
    padding: int
    step: int

    @property
    def lead(self) -> int:
        """The blocks of padding before the image."""
        return -(-self.padding // self.step)

    @property
    def window(self) -> slice:
        """The elements of the kernel in the blocks that it covers."""
        start = self.lead * self.step - self.padding
        return slice(start, start + self.size)

    @property
    def reach(self) -> int:
        """The blocks that the kernel covers."""
        return -(-(self.lead * self.step - self.padding + self.size) // self.step)

    def count_blocks(self, length: int) -> int:
        """The blocks that all windows cover, in an image of that length."""
        return (length + 2 * self.padding - self.size) // self.step + self.reach


def _measure_axes(conv: nn.Conv2d) -> tuple[_Axis, _Axis]:
    assert not isinstance(conv.padding, str), "archspec writes paddings as numbers"
    vertical, horizontal = map(_Axis, conv.kernel_size, conv.padding, conv.stride)
    return vertical, horizontal
