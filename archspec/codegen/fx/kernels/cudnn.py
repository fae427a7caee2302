"""Fused convolutions on a GPU: one kernel of cuDNN, or its convolution and one more kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspec.codegen.fx.kernels import available, channelwise, pointwise, space_to_depth
from archspec.codegen.fx.kernels.activations import Activation
from archspec.codegen.fx.kernels.available import DTYPES

ACTIVATIONS: tuple[Activation, ...] = ("relu", "relu6", "hardswish", "silu")


def accepts(conv: nn.Conv2d, x: Tensor, other: Tensor | None) -> bool:
    """Whether the kernels support these values: images of the weight's type with the right number of channels."""
    alike = x.dtype == conv.weight.dtype and (other is None or other.dtype == x.dtype)
    return alike and x.dtype in DTYPES and x.dim() == 4 and x.shape[1] == conv.in_channels and x.numel() > 0


def convolve(
    conv: nn.Conv2d,
    x: Tensor,
    packed: Tensor | None,
    other: Tensor | None,
    activation: Activation | None,
    merged: int = 1,
) -> Tensor:
    """activation(conv(x) + other).

    `packed` is the weight for an image that is rearranged from space to depth, or for `merged` groups in one, or None.

    cuDNN computes a ReLU in the convolution. Another activation, a bias or a sum without one, and everything after a depthwise
    convolution, for which cuDNN has no such kernel, are one pass over the result, or part of a kernel of Triton (`pointwise`).
    """
    geometry = (_pair(conv.stride), _pair(conv.padding), _pair(conv.dilation), conv.groups)
    weight = conv.weight
    if packed is not None and merged > 1:
        weight, geometry = packed, (*geometry[:3], conv.groups // merged)
    elif packed is not None:
        x = space_to_depth.rearrange_image(x, conv)
        weight, geometry = packed, ((1, 1), (0, 0), (1, 1), 1)
    depthwise = conv.groups > 1 and conv.groups == conv.in_channels
    if activation == "relu" and not depthwise:
        result: Tensor = (
            torch.cudnn_convolution_relu(x, weight, conv.bias, *geometry)
            if other is None
            else torch.cudnn_convolution_add_relu(x, weight, other, 1.0, conv.bias, *geometry)
        )
        return result
    if conv.bias is None and other is None and activation is None:
        return torch.conv2d(x, weight, None, *geometry)
    if pointwise.accepts(conv, x, other):
        return pointwise.convolve(conv, x, other, activation)
    apart = available.pays_to_launch(x.numel() * conv.out_channels // conv.in_channels)
    made = torch.conv2d(x, weight, None if apart else conv.bias, *geometry)
    return channelwise.finish_convolution(made, conv.bias if apart else None, other, activation)


def _pair(sizes: tuple[int, ...] | str) -> tuple[int, ...]:
    assert not isinstance(sizes, str), "archspec writes paddings as numbers"
    return sizes
