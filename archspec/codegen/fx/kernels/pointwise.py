"""1×1 convolutions that compute on their input and their result on the way, as one kernel of Triton."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from archspec.codegen.fx.kernels import available
from archspec.codegen.fx.kernels.activations import Activation

Before = Literal["clamp", "scale", "scale_relu"]
"""What is computed on the input: with two numbers for each channel, its bounds, or its factor and shift."""
MOST_WORK = 128
"""The multiplications for each element that is read or written up to which the kernel takes the time of its memory traffic; with more,
cuDNN's convolution and another pass are faster."""
LEAST_ROWS = 8192
"""The places below which a pass over the input and cuDNN's convolution, which divides its sums among programs, are faster."""


def accepts(conv: nn.Conv2d, x: Tensor, other: Tensor | None) -> bool:
    """Whether the kernel supports a convolution and is faster: 1×1 on images in half precision whose channels are last in memory."""
    single = conv.kernel_size == conv.stride == (1, 1) and conv.padding in ((0, 0), "valid") and conv.groups == 1
    if not single or x.dtype not in available.HALVES or not is_faster(conv.in_channels, conv.out_channels):
        return False
    channels = available.find_kernels("channels", x)
    return channels is not None and channels.has_rows(x) and (other is None or channels.has_rows(other))


def is_faster(inputs: int, outputs: int) -> bool:
    """Whether the kernel is faster than cuDNN and another pass, for so many channels.

    >>> is_faster(64, 256), is_faster(1024, 512)
    (True, False)
    """
    return inputs * outputs <= MOST_WORK * (inputs + outputs)


def convolve(
    conv: nn.Conv2d,
    x: Tensor,
    other: Tensor | None,
    activation: Activation | None,
    before: Before | None = None,
    pair: Tensor | None = None,
) -> Tensor:
    """activation(conv(before(x)) + other)."""
    kernels = available.find_kernels("pointwise", x)
    result: Tensor = kernels.convolve_pointwise(x, before, pair, conv.weight, conv.bias, other, activation)
    return result
