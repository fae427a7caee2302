"""A Triton kernel for layer normalisation and the sum before it: a program for each place."""

from __future__ import annotations

import torch
import triton
from torch import Tensor
from triton import language as tl

from archspec.codegen.fx.kernels.launching import launch
from archspec.codegen.fx.kernels.triton_channels import OPTIONS


@triton.jit
def _add(x, y):
    return x + y


@triton.jit
def _add_and_normalise(
    x,
    other,
    factors,
    shifts,
    total,
    result,
    features,
    eps,
    has_factor: tl.constexpr,
    has_shift: tl.constexpr,
    wide: tl.constexpr,
):
    start = tl.program_id(0).to(tl.int64) * features
    feature = tl.arange(0, wide)
    inside = feature < features
    value = tl.load(x + start + feature, inside, other=0.0).to(tl.float32)
    value += tl.load(other + start + feature, inside, other=0.0).to(tl.float32)
    rounded = value.to(total.dtype.element_ty)
    tl.store(total + start + feature, rounded, inside)
    value = rounded.to(tl.float32)
    mean = tl.reduce(value, 0, _add) / features
    centred = tl.where(inside, value - mean, 0.0)
    made = centred / tl.sqrt(tl.reduce(centred * centred, 0, _add) / features + eps)
    if has_factor:
        made = made * tl.load(factors + feature, inside, other=0.0).to(tl.float32)
    if has_shift:
        made = made + tl.load(shifts + feature, inside, other=0.0).to(tl.float32)
    tl.store(result + start + feature, made.to(result.dtype.element_ty), inside)


def add_and_normalise(
    x: Tensor, other: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor]:
    """x + other, and its layer normalisation over the last axis. Both are contiguous."""
    features = x.shape[-1]
    total, result = torch.empty_like(x), torch.empty_like(x)
    factors, shifts = (x if value is None else value for value in (weight, bias))
    with torch.cuda.device(x.get_device()):
        launch(
            _add_and_normalise,
            (x.numel() // features,),
            *(x, other, factors, shifts, total, result, features, eps),
            has_factor=weight is not None,
            has_shift=bias is not None,
            wide=triton.next_power_of_2(features),
            **OPTIONS,
        )
    return total, result
