"""Adaptive mean pooling whose windows follow from sizes that an exported program does not know yet.

torch's ONNX exporter writes windows of one size, which is right only where the sizes divide.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archspec.errors import ExportError

_MEANS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_MAXIMA = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


class FreeMeanPool(nn.Module):
    """Adaptive mean pooling as a product with the matrix of the windows, one for each spatial axis.

    >>> image = torch.randn(2, 3, 7, 10)
    >>> torch.allclose(FreeMeanPool((3, 4))(image), nn.AdaptiveAvgPool2d((3, 4))(image), atol=1e-6)
    True
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, input: Tensor) -> Tensor:
        for axis, count in enumerate(self.sizes, -len(self.sizes)):
            windows = make_windows(input.shape[axis], count, input)
            input = (input.movedim(axis, -1) @ windows).movedim(-1, axis)
        return input


def make_windows(length: int, count: int, like: Tensor) -> Tensor:
    """The matrix (length, count) of the means over windows: window i is from floor(i·length/count) to ceil((i + 1)·length/count).

    >>> make_windows(4, 3, torch.zeros(())).T
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.5000, 0.5000]])
    """
    window = torch.arange(count, device=like.device)
    start, stop = window * length // count, ((window + 1) * length + count - 1) // count
    place = torch.arange(length, device=like.device).unsqueeze(1)
    return ((place >= start) & (place < stop)).to(like.dtype) / (stop - start)


def free_adaptive_pools(model: nn.Module) -> None:
    """Puts pools that know no sizes in the place of adaptive ones. Raises `ExportError` for one of maxima."""
    for name, module in list(model.named_modules()):
        if isinstance(module, (*_MEANS, *_MAXIMA)) and set(sizes := _list_sizes(module)) != {1}:
            if isinstance(module, _MAXIMA):
                raise ExportError(f"{name} needs the size that it has: ONNX has no adaptive pooling of maxima")
            model.set_submodule(name, FreeMeanPool(sizes))


def _list_sizes(module: nn.Module) -> tuple[int, ...]:
    size: Any = module.output_size
    rank = int(type(module).__name__[-2])  # AdaptiveAvgPool2d
    return tuple(size) if isinstance(size, tuple) else (size,) * rank
