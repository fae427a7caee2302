"""A 1×1 convolution that computes with two numbers for each channel on its input."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch._jit_internal import is_scripting

from archspec.codegen.fx.kernels import pointwise
from archspec.codegen.fx.kernels.channelwise import clamp_channels, scale_channels
from archspec.codegen.fx.kernels.fused_conv import FusedConv2d
from archspec.codegen.fx.kernels.tracing import is_traced


class PreparedConv2d(FusedConv2d):
    """activation(convolution(before(x)) + other) for a 1×1 convolution.

    `pair` has two numbers for each channel of x, [2, channels, 1, 1]. If the kernel cannot be used, `before` is a pass of its own.
    """

    __jit_ignored_attributes__ = ("_packed",)

    def __init__(self, *args: Any, before: pointwise.Before, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = before

    def forward(self, x: Tensor, pair: Tensor, other: Tensor | None = None) -> Tensor:  # type: ignore[override]
        if not is_scripting():  # torch.jit.script leaves out what is inside
            return self._prepared(x, pair, other)
        return self._unfused(self._prepare(x, pair), other)

    def _prepared(self, x: Tensor, pair: Tensor, other: Tensor | None) -> Tensor:
        if x.is_cuda and self._can_prepare(x, pair, other):
            return pointwise.convolve(self, x, other, self.activation, self.before, pair)
        return self._fused(self._prepare(x, pair), other)

    def _can_prepare(self, x: Tensor, pair: Tensor, other: Tensor | None) -> bool:
        alike = pair.dtype == x.dtype == self.weight.dtype and (other is None or other.dtype == x.dtype)
        large = x.numel() >= pointwise.LEAST_ROWS * self.in_channels
        values = (x, pair, self.weight) if other is None else (x, pair, self.weight, other)
        return alike and large and not is_traced(values) and pointwise.accepts(self, x, other)

    def _prepare(self, x: Tensor, pair: Tensor) -> Tensor:
        if self.before == "clamp":
            return clamp_channels(x, pair)
        return scale_channels(x, pair, relu=self.before == "scale_relu")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, before={self.before}"
