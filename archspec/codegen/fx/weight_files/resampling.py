"""Resamples weights for other input channels, grids of positions and patch sizes."""

from __future__ import annotations

from math import isqrt, prod

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

_MOST_TOKENS = 2
"""The most tokens before the positions of a grid: a class token and a distillation token."""


def adapt_channels(weight: Tensor, channels: int) -> Tensor:
    """The weight of a convolution (out, in, …) for another number of input channels, as timm makes it.

    For one channel the channels are summed, so that a grey image gives the same as three equal channels. For others they are repeated
    and scaled so that the sum over channels keeps its size.

    >>> adapt_channels(torch.ones(1, 3, 1, 1), 1).flatten(), adapt_channels(torch.ones(1, 3, 1, 1), 4).sum()
    (tensor([3.]), tensor(3.))
    """
    before = weight.shape[1]
    wide = _widen(weight)
    if channels == 1:
        return wide.sum(1, keepdim=True)
    repeated = wide.repeat(1, -(-channels // before), *(1,) * (weight.ndim - 2))[:, :channels]
    return repeated * (before / channels)


def find_token_count(before: int, after: int, grid: tuple[int, int] | None = None) -> int | None:
    """The number of rows of two tables of positions that belong to tokens and not to the grid; None if it is ambiguous.

    The old grid is a square; the new one is too, unless it is given as `grid`.

    >>> find_token_count(197, 577), find_token_count(196, 576), find_token_count(197, 576)
    (1, 0, None)
    """
    for tokens in range(_MOST_TOKENS + 1):
        fits = after - tokens == prod(grid) if grid else _is_square(after - tokens)
        if fits and _is_square(before - tokens):
            return tokens
    return None


def resample_positions(table: Tensor, grid: tuple[int, int], tokens: int) -> Tensor:
    """A table of positions (…, rows, width) for another grid (height, width): bicubic with antialiasing, tokens unchanged."""
    rows = _widen(table).reshape(-1, table.shape[-1])
    kept, old = rows[:tokens], rows[tokens:]
    side = isqrt(len(old))
    image = old.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    resized = F.interpolate(image, size=grid, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([kept, resized[0].flatten(1).T])


def resample_patches(weight: Tensor, size: tuple[int, int]) -> Tensor:
    """The weight of a convolution (out, in, height, width) for patches of another size.

    Its response to a resized patch is that of the old weight to the patch: w' is the pseudoinverse of the transposed resizing matrix
    applied to w (Beyer et al. 2023, FlexiViT, arXiv:2212.08013, section 3.4).
    """
    before, wide = (weight.shape[2], weight.shape[3]), _widen(weight)
    basis = torch.eye(prod(before), dtype=wide.dtype).reshape(-1, 1, *before)
    resize = F.interpolate(basis, size=size, mode="bicubic", antialias=True, align_corners=False).flatten(1)
    inverse: Tensor = torch.linalg.pinv(resize)  # (new, old)
    return (wide.flatten(2) @ inverse.T).reshape(*weight.shape[:2], *size)


def _is_square(count: int) -> bool:
    return count > 0 and isqrt(count) ** 2 == count


def _widen(weight: Tensor) -> Tensor:
    """A weight in float32 or float64, because sums in narrower types are rounded at each step."""
    return weight if weight.dtype == torch.float64 else weight.float()
