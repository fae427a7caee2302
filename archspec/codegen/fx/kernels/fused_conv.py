"""The fused convolution of optimised networks, with the kernels of the device that it runs on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch._jit_internal import is_scripting

from archspec.codegen.fx.inplace_sum import add
from archspec.codegen.fx.kernels import cudnn, merged_groups, onednn, space_to_depth
from archspec.codegen.fx.kernels.activations import Activation, activate
from archspec.codegen.fx.kernels.tracing import is_traced


class FusedConv2d(nn.Conv2d):
    """activation(convolution + other), in as few kernels as the device has for it.

    Takes [batch, in_channels, height, width] and, with a sum, `other` of the shape of the output. If `overwrites`, the output may be
    written over `other`. Weights have the names and shapes of the plain convolution; if a kernel needs another layout, they are
    reordered for the first input, and again after they have changed.

    If no kernel can be used (another device or type, gradients, tracing, compilation or autocast, a form that cuDNN refuses), or if on a
    CPU its call costs more than it saves, convolution, sum and activation are computed one by one and `other` is not changed.
    """

    __jit_ignored_attributes__ = ("_packed",)

    def __init__(
        self,
        *args: Any,
        activation: Activation | None = None,
        overwrites: bool = False,
        deepens: bool = False,
        merged: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.activation, self.overwrites, self.deepens, self.merged = activation, overwrites, deepens, merged
        self._packed: tuple[object, Tensor] | None = None
        self._refused = False

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        if not is_scripting():  # torch.jit.script leaves out what is inside
            return self._fused(x, other)
        return self._unfused(x, other)

    def _fused(self, x: Tensor, other: Tensor | None) -> Tensor:
        if self._refused or is_traced((x, self.weight) if other is None else (x, self.weight, other)):
            return self._unfused(x, other)
        if x.is_cpu and self._pays(x, other) and onednn.accepts(self, x, other):
            packed = self._pack(x)
            return onednn.convolve(self, x, packed, other, self.activation, overwrites=self.overwrites)
        if x.is_cuda and cudnn.accepts(self, x, other):
            return self._on_cuda(x, other)
        return self._unfused(x, other)

    def _pays(self, x: Tensor, other: Tensor | None) -> bool:
        return onednn.pays(self, x.numel(), sums=other is not None, activates=self.activation is not None)

    def _on_cuda(self, x: Tensor, other: Tensor | None) -> Tensor:
        try:
            packed = self._pack(x) if self.deepens or self.merged > 1 else None
            return cudnn.convolve(self, x, packed, other, self.activation, self.merged)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            result = self._unfused(x, other)  # also raises if the input does not fit
            self._refused = True
            return result

    def _unfused(self, x: Tensor, other: Tensor | None) -> Tensor:
        made = self._conv_forward(x, self.weight, self.bias)
        if other is not None:
            made = add(made, other)
        return made if self.activation is None else activate(made, self.activation)

    def _pack(self, x: Tensor) -> Tensor:
        """The weight in the layout of the kernels for the input's device."""
        weight = self.weight
        state = (weight.device, weight.dtype, weight.data_ptr(), None if weight.is_inference() else weight._version)
        if self._packed is None or self._packed[0] != state:
            self._packed = state, onednn.pack_weight(self, x) if x.is_cpu else self._pack_for_cuda()
        return self._packed[1]

    def _pack_for_cuda(self) -> Tensor:
        return space_to_depth.pack_weight(self) if self.deepens else merged_groups.pack_weight(self, self.merged)

    def __getstate__(self) -> dict[str, Any]:
        """The attributes of a copy, without the reordered weight."""
        return {**self.__dict__, "_packed": None}

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation}"  # type: ignore[no-untyped-call]
