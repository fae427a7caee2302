"""Pooling of images in channels-last layout, in the time of its memory traffic.

torch's own kernels for this layout move a tenth of what the memory of an H100 could.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch._jit_internal import is_scripting
from torch.nn import functional

from archspec.codegen.fx.kernels import available
from archspec.codegen.fx.kernels.tracing import is_traced
from archspec.ops.base import per_axis
from archspec.ops.rules import compute_extents, slide_window

MOST_PLACES = 25
"""The most elements of a window, because the kernel's loops over it are unrolled."""


class RowMaxPool2d(nn.MaxPool2d):
    """`nn.MaxPool2d` with a kernel of Triton for values whose channels are last in memory."""

    def forward(self, input: Tensor) -> Tensor:
        if not is_scripting():  # torch.jit.script leaves out what is inside
            kernels = _find_kernels(self, input)
            if kernels is not None:
                return _pool(self, input, kernels, "max", self.dilation)
        return functional.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )


class RowAvgPool2d(nn.AvgPool2d):
    """`nn.AvgPool2d` with a kernel of Triton for values whose channels are last in memory."""

    def forward(self, input: Tensor) -> Tensor:
        if not is_scripting():  # torch.jit.script leaves out what is inside
            kernels = _find_kernels(self, input)
            if kernels is not None:
                return _pool(self, input, kernels, "mean" if self.count_include_pad else "mean_inside", 1)
        return functional.avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


def _find_kernels(pool: Any, x: Tensor) -> Any:
    """The kernels if they support a pooling and pay, else None."""
    height, width = per_axis(pool.kernel_size, 2, "kernel")
    if x.dim() != 4 or height * width > MOST_PLACES or not x.is_cuda or is_traced((x,)):
        return None
    rows = available.find_kernels("channels", x)
    return available.find_kernels("windows", x) if rows is not None and rows.has_rows(x) else None


def _pool(pool: Any, x: Tensor, kernels: Any, kind: str, dilation: Any) -> Tensor:
    named = (("kernel", pool.kernel_size), ("stride", pool.stride), ("padding", pool.padding), ("dilation", dilation))
    window, stride, padding, gaps = (per_axis(sizes, 2, name) for name, sizes in named)
    extent = compute_extents(window, gaps)
    size = slide_window(tuple(x.shape[2:]), extent, stride, padding, ceil=pool.ceil_mode)
    made: Tensor = kernels.pool(x, size, window, stride, padding, gaps, kind)
    return made
