"""Finds the rule by which the values of a tensor are made, by trying those of the op `constant`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from archspec.ops import BY_WORD
from archspec.ops.base import ShapeError
from archspec.recording.operands import UnsupportedCallError

_MOST = 1000  # values that a spec lists
_MASKED = -100.0  # what `shifted_windows` adds to scores


def describe_constant(values: Tensor, what: str, *, persistent: bool = False, batched: bool = False) -> dict[str, Any]:
    """The fields of the op `constant` that makes these values.

    Args:
        values: the tensor, with its data.
        what: what it is, for a message.
        persistent: whether it is part of the `state_dict`.
        batched: whether it is repeated for each sample, as a state is and a mask is not.

    Raises:
        UnsupportedCallError: they follow no rule of the language, and are too many to be listed.

    >>> describe_constant(torch.tensor([[0.0, -math.inf], [0.0, 0.0]]), "the mask")
    {'shape': [2, 2], 'kind': 'causal', 'persistent': False}
    """
    if values.dtype == torch.float64:
        values = values.to(torch.get_default_dtype())
    state = [{"kind": "values", "values": [values.flatten()[0].item()]}] if batched and is_uniform(values) else []
    for fields in (*state, *_iter_candidates(values)):
        made = _make({"shape": list(values.shape), **fields})
        if made is not None and made.dtype == values.dtype and torch.equal(made, values):
            own = {} if persistent else {"persistent": False}
            return {"shape": list(values.shape), **fields} | own | ({"batched": True} if batched else {})
    raise UnsupportedCallError(f"the values of {what} follow no known rule")


def _make(fields: dict[str, Any]) -> Tensor | None:
    """The values of a constant, by the function that its op lowers to; None if the fields do not fit."""
    op = BY_WORD["constant"].model_validate(fields)
    try:
        op.infer()
    except ShapeError:
        return None
    data = op.lower()[0].options["data"]
    module, _, function = data.target.rpartition(".")
    values: Tensor = getattr(importlib.import_module(module), function)(**data.options)
    return values


def _iter_candidates(values: Tensor) -> Iterator[dict[str, Any]]:
    """Yields the fields of the constants that a tensor may be, the likeliest first."""
    whole = not values.is_floating_point()
    kind: dict[str, Any] = {"whole": True} if whole else {}
    yield kind
    if whole:
        yield from _iter_relative_positions(values)
        yield from _iter_absolute_distances(values)
    elif values.dim() > 1:
        yield {"kind": "causal"}
        yield {"kind": "sinusoids"}
        yield from _iter_log_distances(values)
        yield from _iter_shifted_windows(values)
    if is_uniform(values):
        yield {"kind": "values", "values": [values.flatten()[0].item()]} | kind
    if values.numel() <= _MOST and bool(values.isfinite().all()):
        yield {"kind": "values", "values": values.flatten().tolist()} | kind


def is_uniform(values: Tensor) -> bool:
    """Whether all elements of a tensor are one number.

    >>> is_uniform(torch.zeros(2, 3)), is_uniform(torch.arange(2))
    (True, False)
    """
    return values.numel() > 0 and bool(values.isfinite().all()) and bool((values == values.flatten()[0]).all())


def _iter_relative_positions(values: Tensor) -> Iterator[dict[str, Any]]:
    places = math.isqrt(values.numel())
    if places > 1 and places**2 == values.numel():
        yield from ({"kind": "relative_position", "sizes": list(pair)} for pair in _iter_factors(places))
        token = {"kind": "relative_position", "token": True}
        yield from ({**token, "sizes": list(pair)} for pair in _iter_factors(places - 1))


def _iter_absolute_distances(values: Tensor) -> Iterator[dict[str, Any]]:
    """Tables of distances between queries and places, both in rows."""
    if values.dim() != 2:
        return
    queries, places = values.shape
    for sizes in _iter_factors(places):
        for stride in (1, 2):
            if math.prod(-(-size // stride) for size in sizes) == queries:
                yield {"kind": "absolute_distance", "sizes": list(sizes)} | ({"stride": stride} if stride > 1 else {})


def _iter_log_distances(values: Tensor) -> Iterator[dict[str, Any]]:
    if values.shape[-1] == 2:
        pairs = (pair for pair in _iter_factors(values.numel() // 2) if pair[0] % 2 and pair[1] % 2)
        yield from ({"kind": "log_distance", "sizes": [(size + 1) // 2 for size in pair]} for pair in pairs)


def _iter_shifted_windows(values: Tensor) -> Iterator[dict[str, Any]]:
    """Masks of windows: each size of the image, of the window and of the shift that fits."""
    if values.dim() < 3 or values.shape[-1] != values.shape[-2]:
        return
    if not bool(((values == 0) | (values == _MASKED)).all()):
        return
    for kernel in _iter_factors(values.shape[-1]):
        for grid in _iter_factors(values.numel() // values.shape[-1] ** 2):
            sizes = [size * places for size, places in zip(grid, kernel, strict=True)]
            for shift in _iter_shifts(kernel):
                yield {"kind": "shifted_windows", "sizes": sizes, "kernel": list(kernel), "shift": shift}


def _iter_shifts(kernel: tuple[int, int]) -> Iterator[list[int]]:
    """Yields the shifts below a window, half of it first."""
    usual = [[size // 2 for size in kernel], [0, 0], [kernel[0] // 2, 0], [0, kernel[1] // 2]]
    yield from usual
    every = ([rows, columns] for rows in range(kernel[0]) for columns in range(kernel[1]))
    yield from (shift for shift in every if shift not in usual)


def _iter_factors(number: int) -> Iterator[tuple[int, int]]:
    """Yields the pairs of factors of a number, the most equal first.

    >>> list(_iter_factors(12))
    [(3, 4), (4, 3), (2, 6), (6, 2), (1, 12), (12, 1)]
    """
    for factor in range(math.isqrt(number), 0, -1):
        other, rest = divmod(number, factor)
        if rest:
            continue
        yield factor, other
        if factor != other:
            yield other, factor
