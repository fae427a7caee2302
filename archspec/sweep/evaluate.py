"""Counts the points of a space in one process."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from archspec.errors import SpecError
from archspec.json_text import dump_json
from archspec.numerals import format_digits
from archspec.spec.yaml_tree import as_number
from archspec.sweep.axes import Axis, Choices, Interval, Progression, name_column
from archspec.sweep.conditions import ConditionError
from archspec.sweep.counting import VariantCounter, VariantCounts
from archspec.sweep.measures import MEASURES
from archspec.sweep.space import Point, Space, digest_point, read_space
from archspec.sweep.store import TIMINGS, Row, StoreError

_KINDS = {"paths": "text", "mean_length": "float", "structure": "text"}
_LONGEST = 200  # characters of a message
_BITS = 64  # of a column of integers, with their sign


def list_tables(space: Space) -> dict[str, Mapping[str, str]]:
    """The tables of a sweep with their columns."""
    return {
        "points": list_columns(space),
        "timings": TIMINGS,
        **{name: measure.table for name, measure in MEASURES.items()},
    }


def list_columns(space: Space) -> dict[str, str]:
    """The kind of each column of a table of the points of a space, by name."""
    axes = {name_column(axis.name): _find_axis_kind(axis) for axis in space.axes}
    counts = {name: _KINDS.get(name, "int") for name in VariantCounts.__slots__}
    return {"digest": "text", **axes, "status": "text", "message": "text", **counts}


def _find_axis_kind(axis: Axis) -> str:
    values = axis.values if isinstance(axis, Choices) else (axis.low, axis.high, *_find_steps(axis))
    if isinstance(values, Progression):
        values = (*values[:2], values[-1])
    kinds = {type(value) for value in values}
    if not kinds <= {int, float} or not all(_is_storable(value) for value in values if isinstance(value, int)):
        return "text"
    return "int" if kinds == {int} else "float"


def _is_storable(number: int) -> bool:
    return number.bit_length() < _BITS


def _find_steps(axis: Interval) -> tuple[int | float, ...]:
    return () if axis.step is None else (as_number(axis.step),)


def count_points(text: str, folder: str | None, points: Sequence[Point]) -> tuple[list[Row], list[Row]]:
    """The rows of some points of a space, given as text, and their timings. For another process, whose memo is kept between calls."""
    space, counter, columns = _open_space(text, folder)
    rows, timings = [], []
    for point in points:
        start = time.perf_counter()
        row = count_point(space, counter, columns, point)
        rows.append(row)
        timings.append({"digest": row["digest"], "seconds": time.perf_counter() - start, "machine": platform.node()})
    return rows, timings


@lru_cache(maxsize=4)
def _open_space(text: str, folder: str | None) -> tuple[Space, VariantCounter, Mapping[str, str]]:
    space = replace(read_space(text), folder=Path(folder) if folder is not None else None)
    return space, VariantCounter(space.spec), list_columns(space)


def count_point(space: Space, counter: VariantCounter, columns: Mapping[str, str], point: Point) -> Row:
    """The row of a point, in the `columns` of `list_columns`, whose status is one of: ok; excluded, by a condition; invalid, with the message of the compiler."""
    row: Row = {
        "digest": digest_point(space.base, point),
        **{name_column(name): _show_value(value, columns[name_column(name)]) for name, value in point.items()},
    }
    try:
        if not space.admits(point):
            return row | {"status": "excluded"}
        counts = counter.count(**point)
    except SpecError as error:
        return row | {"status": "invalid", "message": str(error.diagnostics[0].message)[:_LONGEST]}
    values = {name: getattr(counts, name) for name in VariantCounts.__slots__}
    large = [name for name in values if columns[name] == "int" and not _is_storable(values[name] or 0)]
    if large:
        return row | {"status": "invalid", "message": f"{large[0]} has more than {_BITS} bits"}
    try:
        admitted = space.admits(point, values)
    except ConditionError as error:
        return row | {"status": "invalid", "message": str(error)[:_LONGEST]}
    return row | {"status": "ok" if admitted else "excluded"} | _make_storable(values)


def restore_point(space: Space, row: Row) -> dict[str, Any]:
    """The values of the axes in a row, with layers as data. Raises `StoreError` if the row is not of this space."""
    point = {}
    for axis in space.axes:
        shown = row.get(name_column(axis.name))
        kind = _find_axis_kind(axis)
        values = axis.values if isinstance(axis, Choices) and kind == "text" else ()
        point[axis.name] = next((value for value in values if _show_value(value, kind) == shown), shown)
    if digest_point(space.base, point) != row["digest"]:
        point = {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in point.items()
        }
    if digest_point(space.base, point) != row["digest"]:
        raise StoreError(f"space.yaml does not have the point {row['digest']}: {dump_json(point)}")
    return point


def _show_value(value: Any, kind: str) -> Any:
    """A value of an axis in a cell of a column of this kind: words as they are, a layer as YAML's flow style, numbers as text in a column of text."""
    return value if kind != "text" or isinstance(value, str) else dump_json(value)


def _make_storable(counts: Mapping[str, Any]) -> Row:
    mean = counts["mean_length"]
    return {**counts, "paths": format_digits(counts["paths"]), "mean_length": None if mean is None else float(mean)}
