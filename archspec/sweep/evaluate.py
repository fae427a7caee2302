"""Counts the points of a space in one process."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from archspec.errors import SpecError
from archspec.json_text import dump_json
from archspec.spec.yaml_tree import as_number
from archspec.sweep.axes import Choices, Interval, name_column
from archspec.sweep.conditions import ConditionError
from archspec.sweep.counting import VariantCounter, VariantCounts
from archspec.sweep.measures import MEASURES
from archspec.sweep.space import Point, Space, digest_point, read_space
from archspec.sweep.store import TIMINGS, Row, StoreError

_KINDS = {"paths": "text", "mean_length": "float", "structure": "text"}
_LONGEST = 200  # characters of a message


def list_tables(space: Space) -> dict[str, Mapping[str, str]]:
    """The tables of a sweep with their columns."""
    return {
        "points": list_columns(space),
        "timings": TIMINGS,
        **{name: measure.table for name, measure in MEASURES.items()},
    }


def list_columns(space: Space) -> dict[str, str]:
    """The kind of each column of a table of the points of a space, by name."""
    axes = {
        name_column(axis.name): _find_kind(
            axis.values if isinstance(axis, Choices) else (axis.low, axis.high, *_find_steps(axis))
        )
        for axis in space.axes
    }
    counts = {name: _KINDS.get(name, "int") for name in VariantCounts.__slots__}
    return {"digest": "text", **axes, "status": "text", "message": "text", **counts}


def _find_kind(values: Iterable[Any]) -> str:
    kinds = {type(value) for value in values}
    return "int" if kinds == {int} else "float" if kinds <= {int, float} else "text"


def _find_steps(axis: Interval) -> tuple[int | float, ...]:
    return () if axis.step is None else (as_number(axis.step),)


def count_points(text: str, folder: str | None, points: Sequence[Point]) -> tuple[list[Row], list[Row]]:
    """The rows of some points of a space, given as text, and their timings. For another process, whose memo is kept between calls."""
    space, counter = _open_space(text, folder)
    rows, timings = [], []
    for point in points:
        start = time.perf_counter()
        row = count_point(space, counter, point)
        rows.append(row)
        timings.append({"digest": row["digest"], "seconds": time.perf_counter() - start, "machine": platform.node()})
    return rows, timings


@lru_cache(maxsize=4)
def _open_space(text: str, folder: str | None) -> tuple[Space, VariantCounter]:
    space = replace(read_space(text), folder=Path(folder) if folder is not None else None)
    return space, VariantCounter(space.spec)


def count_point(space: Space, counter: VariantCounter, point: Point) -> Row:
    """The row of a point, whose status is one of: ok; excluded, by a condition; invalid, with the message of the compiler."""
    row: Row = {
        "digest": digest_point(space.base, point),
        **{name_column(name): show_value(value) for name, value in point.items()},
    }
    try:
        if not space.admits(point):
            return row | {"status": "excluded"}
        counts = counter.count(**point)
    except SpecError as error:
        return row | {"status": "invalid", "message": str(error.diagnostics[0].message)[:_LONGEST]}
    values = {name: getattr(counts, name) for name in VariantCounts.__slots__}
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
        values = axis.values if isinstance(axis, Choices) else (shown,)
        point[axis.name] = next((value for value in values if show_value(value) == shown), shown)
    if digest_point(space.base, point) != row["digest"]:
        point = {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in point.items()
        }
    if digest_point(space.base, point) != row["digest"]:
        raise StoreError(f"space.yaml does not have the point {row['digest']}: {dump_json(point)}")
    return point


def show_value(value: Any) -> Any:
    """A value of an axis in a cell: numbers and words as they are, a layer as YAML's flow style."""
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else dump_json(value)


def _make_storable(counts: Mapping[str, Any]) -> Row:
    mean = counts["mean_length"]
    return {**counts, "paths": str(counts["paths"]), "mean_length": None if mean is None else float(mean)}
