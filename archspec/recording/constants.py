"""Finds the rule by which a buffer's values are made."""

from __future__ import annotations

import math
from typing import Any

from archspec.recording.operands import UnsupportedCallError
from archspec.recording.trace import StateRef, Trace, iter_leaves

_MOST = 1000  # values that a spec lists


def describe_constant(ref: StateRef, trace: Trace) -> dict[str, Any]:
    """The fields of the op `constant` that is a buffer. Raises `UnsupportedCallError` if its values follow no known rule."""
    given = trace.constants.get(ref.name)
    if given is None:
        raise UnsupportedCallError(f"the buffer {ref.name} has too many values to be written out")
    values = list(iter_leaves(given))
    fields: dict[str, Any] = {"shape": list(ref.shape)}
    if ref.name not in trace.state:
        fields["persistent"] = False
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    window = _find_window(values) if whole else None
    if window is not None:
        return fields | {"kind": "relative_position", "sizes": window}
    if values == list(range(len(values))):
        return fields | ({"whole": True} if whole else {})
    if len(values) <= _MOST and all(math.isfinite(value) for value in values):
        return (
            fields
            | {"kind": "values", "values": [float(value) for value in values]}
            | ({"whole": True} if whole else {})
        )
    raise UnsupportedCallError(f"the values of the buffer {ref.name} follow no known rule")


def _find_window(values: list[int]) -> list[int] | None:
    """The sizes of the square window whose relative positions these are; None if they are others."""
    side = math.isqrt(math.isqrt(len(values)))
    if side < 2 or side**4 != len(values):
        return None
    return [side, side] if values == number_relative_positions(side) else None


def number_relative_positions(side: int) -> list[int]:
    """The number of the distance between each two places of a square window, row by row (Swin).

    >>> number_relative_positions(2)[:4]
    [4, 3, 1, 0]
    """
    places = [(row, column) for row in range(side) for column in range(side)]
    width = 2 * side - 1
    return [
        (row - other_row + side - 1) * width + (column - other_column + side - 1)
        for row, column in places
        for other_row, other_column in places
    ]
