"""The data of constants: each function makes a tensor of the given shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def count_up(shape: Sequence[int], whole: bool = False) -> Tensor:
    """The numbers 0, 1, 2, … in the order of the elements.

    >>> count_up((2, 3))
    tensor([[0., 1., 2.],
            [3., 4., 5.]])
    """
    numbers = torch.arange(math.prod(shape)).reshape(tuple(shape))
    return numbers if whole else numbers.to(torch.get_default_dtype())


def list_values(shape: Sequence[int], values: Sequence[float], whole: bool = False) -> Tensor:
    """The given numbers in order, or one for all elements.

    >>> list_values((2, 1), (0.5, 1.5))
    tensor([[0.5000],
            [1.5000]])
    """
    kind = torch.int64 if whole else torch.get_default_dtype()
    if len(values) == 1:
        return torch.full(tuple(shape), values[0], dtype=kind)
    return torch.tensor(tuple(values), dtype=kind).reshape(tuple(shape))


def causal_mask(shape: Sequence[int]) -> Tensor:
    """Zero where a key, on the last axis, is not after the query, on the axis before it; minus infinity elsewhere.

    >>> causal_mask((2, 2))
    tensor([[0., -inf],
            [0., 0.]])
    """
    return torch.full(tuple(shape), float("-inf")).triu(1)


def sinusoids(shape: Sequence[int], base: float = 10000.0) -> Tensor:
    """Positions as sines at even features and cosines at odd ones (Vaswani et al. 2017, section 3.5), on the last two axes.

    >>> sinusoids((2, 2))
    tensor([[0.0000, 1.0000],
            [0.8415, 0.5403]])
    """
    *_, count, width = shape
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(base) / width))
    angles = torch.arange(count).unsqueeze(1) * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).reshape(tuple(shape))


def relative_positions(shape: Sequence[int], sizes: Sequence[int], token: bool = False) -> Tensor:
    """For each pair of places of a window, the number of their distance: the row of a table of all distances.

    Places are numbered row by row, distances from the most negative one (Liu et al. 2021, arXiv:2103.14030, section 3.2). A class token
    before the places has three more rows: to each place, from each place, and to itself (Bao et al. 2022, arXiv:2106.08254).

    >>> relative_positions((2, 2), (1, 2))
    tensor([[1, 0],
            [2, 1]])
    """
    places = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).reshape(-1, len(sizes))
    number = torch.zeros(len(places), len(places), dtype=torch.int64)
    for axis, size in enumerate(sizes):
        distance = places[:, None, axis] - places[None, :, axis] + size - 1
        number = number * (2 * size - 1) + distance
    if token:
        rows = math.prod(2 * size - 1 for size in sizes)
        number = torch.nn.functional.pad(number, (0, 0, 1, 0), value=rows)
        number = torch.nn.functional.pad(number, (1, 0), value=rows + 1)
        number[0, 0] = rows + 2
    return number.reshape(tuple(shape))


def absolute_distances(shape: Sequence[int], sizes: Sequence[int], stride: int = 1) -> Tensor:
    """For each query and each place of a window, the number of their distance without sign (Graham et al. 2021, arXiv:2104.01136, section 3.5).

    Queries are at every `stride`-th place on each axis; distances are numbered row by row.

    >>> absolute_distances((2, 3), (1, 3), 2)
    tensor([[0, 1, 2],
            [2, 1, 0]])
    """
    places = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).reshape(-1, len(sizes))
    queries = torch.cartesian_prod(*(torch.arange(0, size, stride) for size in sizes)).reshape(-1, len(sizes))
    number = torch.zeros(len(queries), len(places), dtype=torch.int64)
    for axis, size in enumerate(sizes):
        number = number * size + (queries[:, None, axis] - places[None, :, axis]).abs()
    return number.reshape(tuple(shape))


def log_distances(shape: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """All distances in a window on a logarithmic scale, as many numbers as axes (Liu et al. 2022, arXiv:2111.09883, equation 4).

    A distance d of at most m becomes sign(d) · log2(1 + 8 · |d| / m) / 3.

    >>> log_distances((1, 3, 2), (1, 2))[..., 1]
    tensor([[-1.0566,  0.0000,  1.0566]])
    """
    ways = [torch.arange(1.0 - size, size) / max(size - 1, 1) * 8 for size in sizes]
    distances = torch.stack(torch.meshgrid(*ways, indexing="ij"), dim=-1)
    return (distances.sign() * torch.log2(distances.abs() + 1.0) / 3.0).reshape(tuple(shape))


def shifted_windows(
    shape: Sequence[int], sizes: Sequence[int], kernel: Sequence[int], shift: Sequence[int], value: float = -100.0
) -> Tensor:
    """For each window of a rolled image, `value` for pairs of places that were not neighbours before (Liu et al. 2021, section 3.2).

    Along each axis the last window holds what the shift brought from the other end, unless it is 0.

    >>> shifted_windows((2, 2, 2), (1, 4), (1, 2), (0, 1))[1]
    tensor([[   0., -100.],
            [-100.,    0.]])
    """
    parts = []
    for size, width, step in zip(sizes, kernel, shift, strict=True):
        place = torch.arange(size)
        moved = (place >= size - width).int() + (place >= size - step).int() if step else torch.zeros(size).int()
        parts.append(moved.reshape(-1, width))
    rows, columns = parts
    part = rows[:, None, :, None] * 3 + columns[None, :, None, :]
    part = part.reshape(rows.shape[0] * columns.shape[0], -1)
    apart = part.unsqueeze(1) != part.unsqueeze(2)
    return torch.zeros(apart.shape).masked_fill(apart, value).reshape(tuple(shape))
