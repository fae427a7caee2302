"""Elementwise functions with numbers for each channel, in one pass over memory if Triton is available."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._jit_internal import is_scripting
from torch.nn import functional

from archspec.codegen.fx.kernels import available
from archspec.codegen.fx.kernels.activations import IN_PLACE, Activation
from archspec.codegen.fx.kernels.tracing import is_traced


def finish_convolution(
    made: Tensor, bias: Tensor | None, other: Tensor | None, activation: Activation | None
) -> Tensor:
    """activation(made + bias + other) in place of `made`, a value [batch, channels, height, width] without other consumers."""
    kernels = available.find_kernels("channels", made)
    if kernels is not None and kernels.has_rows(made) and (other is None or kernels.has_rows(other)):
        kernels.finish_convolution(made, bias, other, activation)
        return made
    if bias is not None:
        made.add_(bias[:, None, None])
    if other is not None:
        made.add_(other)
    return IN_PLACE[activation](made) if activation else made


def clamp_channels(x: Tensor, bounds: Tensor) -> Tensor:
    """Each channel of [batch, channels, …] between its two bounds [2, channels, 1, …]."""
    if not is_scripting():  # torch.jit.script leaves out what is inside
        kernels = None if is_traced((x, bounds)) else available.find_kernels("channels", x)
        if kernels is not None and kernels.has_rows(x):
            return kernels.clamp_channels(x, bounds)  # type: ignore[no-any-return]
    return torch.clamp(x, bounds[0], bounds[1])


def scale_channels(x: Tensor, pair: Tensor, *, relu: bool) -> Tensor:
    """Each channel of [batch, channels, …] times a factor plus a shift [2, channels, 1, …], rectified if `relu`."""
    if not is_scripting():  # torch.jit.script leaves out what is inside
        kernels = None if is_traced((x, pair)) else available.find_kernels("channels", x)
        if kernels is not None and kernels.has_rows(x):
            return kernels.scale_channels(x, pair, relu=relu)  # type: ignore[no-any-return]
    scaled = torch.addcmul(pair[1], x, pair[0])
    return functional.relu(scaled, inplace=True) if relu else scaled
