"""A Triton kernel for 1×1 convolutions in channels-last layout, with what comes before and after them.

A 1×1 convolution on few channels takes the time to read its input and to write its result. A clamp or a factor and a shift before
it, and a bias, a sum and an activation after it, would each take as long; here they are computed on the way. (cuDNN computes only a
bias, a sum and a ReLU with it.)
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor
from triton import language as tl

from archspec.codegen.fx.kernels.activations import Activation
from archspec.codegen.fx.kernels.available import count_in_units
from archspec.codegen.fx.kernels.launching import launch
from archspec.codegen.fx.kernels.triton_channels import CODES, KINDS, OPTIONS, _activate, _transform, row_stride

TILE = {"tall": 64, "deep": 32, "num_warps": 4, "num_stages": 4}
"""The rows of a program, and the input channels of one step: the fastest of eight on an H100 for DenseNet-121 and MobileNetV2."""
_WIDEST = 128
"""The most outputs of a program."""


@triton.jit
def _convolve_pointwise(
    x,
    pair,
    weight,
    bias,
    other,
    result,
    rows,
    channels,
    outputs,
    x_stride,
    other_stride,
    unit: tl.constexpr,
    kind: tl.constexpr,
    has_bias: tl.constexpr,
    has_other: tl.constexpr,
    code: tl.constexpr,
    tall: tl.constexpr,
    wide: tl.constexpr,
    deep: tl.constexpr,
):
    channels, outputs, x_stride, other_stride = channels * unit, outputs * unit, x_stride * unit, other_stride * unit
    row = tl.program_id(0) * tall + tl.arange(0, tall)
    output = tl.program_id(1) * wide + tl.arange(0, wide)[None, :]
    places = row.to(tl.int64)[:, None]
    start = x + places * x_stride
    total = tl.full((tall, wide), 0.0, tl.float32)
    for first in range(0, channels, deep):
        channel = first + tl.arange(0, deep)
        known = channel < channels
        value = tl.load(start + channel[None, :], (row < rows)[:, None] & known[None, :], other=0.0)
        if kind > 0:
            low = tl.load(pair + channel, known, other=0.0).to(tl.float32)[None, :]
            high = tl.load(pair + channels + channel, known, other=0.0).to(tl.float32)[None, :]
            value = _transform(value.to(tl.float32), low, high, kind).to(value.dtype)
        place = weight + output * channels + channel[:, None]
        factor = tl.load(place, known[:, None] & (output < outputs), other=0.0)
        total = tl.dot(value, factor, total)
    if has_bias:
        total += tl.load(bias + output, output < outputs, other=0.0).to(tl.float32)
    mask = (row < rows)[:, None] & (output < outputs)
    if has_other:
        total += tl.load(other + places * other_stride + output, mask, other=0.0).to(tl.float32)
    tl.store(result + places * outputs + output, _activate(total, code).to(result.dtype.element_ty), mask)


def convolve_pointwise(
    x: Tensor,
    before: str | None,
    pair: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    other: Tensor | None,
    activation: Activation | None,
) -> Tensor:
    """activation(conv(before(x)) + bias + other), where `before` computes with `pair` [2, channels, 1, 1].

    `weight` is [outputs, channels, 1, 1]. All are in half precision.
    """
    batch, channels, height, width = x.shape
    outputs, rows = len(weight), batch * height * width
    shape = (batch, outputs, height, width)
    result = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    extra = result if other is None else other
    unit, *sizes = count_in_units(channels, outputs, row_stride(x), row_stride(extra))
    wide = min(max(triton.next_power_of_2(outputs), 16), _WIDEST)
    with torch.cuda.device(x.get_device()):
        launch(
            _convolve_pointwise,
            (triton.cdiv(rows, TILE["tall"]), triton.cdiv(outputs, wide)),
            *(x, result if pair is None else pair, weight, result if bias is None else bias, extra, result),
            *(rows, *sizes),
            unit=unit,
            kind=KINDS[before],
            has_bias=bias is not None,
            has_other=other is not None,
            code=CODES[activation],
            wide=wide,
            **TILE,
            **OPTIONS,
        )
    return result
