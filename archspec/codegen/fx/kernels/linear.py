"""A linear layer and the GELU after it, as one product of matrices on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch._jit_internal import is_scripting
from torch.nn import functional

from archspec.codegen.fx.kernels import available
from archspec.codegen.fx.kernels.tracing import is_traced


class LinearGELU(nn.Linear):
    """gelu(x · weightᵀ + bias) over the last axis.

    In bfloat16 on a GPU it is one product, which computes the tanh form of the GELU from its sums in float32. That form is off by up to
    5e-4, less than what rounding the sums to bfloat16 before an exact GELU costs: the result is nearer to that in float32.
    """

    def __init__(self, *args: Any, approximate: str = "none", **options: Any) -> None:
        super().__init__(*args, **options)
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        if not is_scripting():  # torch.jit.script leaves out what is inside
            if self._can_fuse(input):
                rows = input.reshape(-1, self.in_features)
                made = torch._addmm_activation(self.bias, rows, self.weight.t(), use_gelu=True)
                return made.view(*input.shape[:-1], self.out_features)
        return functional.gelu(functional.linear(input, self.weight, self.bias), approximate=self.approximate)

    def _can_fuse(self, x: Tensor) -> bool:
        alike = x.is_cuda and x.dtype == self.weight.dtype == torch.bfloat16 and self.bias is not None
        fits = alike and x.numel() > 0 and x.shape[-1] == self.in_features
        return fits and available.pays_to_launch(x.numel()) and not is_traced((x, self.weight))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, approximate={self.approximate}"
