"""The sum and the layer normalisation after it, in one pass over memory."""

from __future__ import annotations

from torch import Tensor, nn
from torch._jit_internal import is_scripting

from archspec.codegen.fx.kernels import available
from archspec.codegen.fx.kernels.tracing import is_traced


class AddLayerNorm(nn.LayerNorm):
    """x + other, and its layer normalisation over the last axis."""

    def forward(self, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if not is_scripting():  # torch.jit.script leaves out what is inside
            if self._can_fuse(x, other):
                kernels = available.find_kernels("norms", x)
                if kernels is not None:
                    return kernels.add_and_normalise(x, other, self.weight, self.bias, self.eps)  # type: ignore[no-any-return]
        total = x + other
        return total, nn.functional.layer_norm(total, self.normalized_shape, self.weight, self.bias, self.eps)

    def _can_fuse(self, x: Tensor, other: Tensor) -> bool:
        if not x.is_cuda or is_traced((x, other, self.weight)):
            return False
        alike = x.shape == other.shape and x.dtype == other.dtype == self.weight.dtype
        return alike and x.is_contiguous() and other.is_contiguous()
