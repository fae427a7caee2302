"""Measures the points of a sweep that are networks and that its folder does not have measurements of yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from archspec.spec.source_lookup import Spec
from archspec.sweep.evaluate import restore_point
from archspec.sweep.executors import Run, run_here
from archspec.sweep.measures import MEASURES, Settings, describe_settings, measure_points
from archspec.sweep.space import Point, Space
from archspec.sweep.store import Row, Store

Item = tuple[str, Point]
"""The digest of a point, and the point."""


def measure_rows(space: Space, store: Store, run: Run, advance: Callable[[str, int, int], object]) -> dict[str, int]:
    """Measures all points that are networks, measure by measure, and returns how many were measured now.

    Each measure is a pass of its own after everything is counted; one that must be alone runs in this process.
    """
    measured = {}
    for name, settings in space.measures.items():
        done = find_measured(store, name, settings)
        rows = [row for row in store.rows("points").values() if row["status"] == "ok" and row["digest"] not in done]
        items = [(row["digest"], restore_point(space, row)) for row in rows]
        count = 0
        for found in run_measure(space.spec, name, settings, items, run):
            store.add({name: found})
            count += len(found)
            advance(name, count, len(items))
        store.finish((name,))
        measured[name] = count
    return measured


def find_measured(store: Store, name: str, settings: Settings) -> dict[str, Row]:
    """The rows of a measure that were measured with these settings, by digest."""
    told = describe_settings(settings)
    return {digest: row for digest, row in store.rows(name).items() if row["settings"] == told}


def run_measure(spec: Spec, name: str, settings: Settings, items: Sequence[Item], run: Run) -> Iterator[Sequence[Row]]:
    """The rows of points in the table of a measure, some at a time."""
    measure = MEASURES[name]
    size = measure.size(settings)
    work = partial(_measure, name, settings, spec)
    yield from (run_here if measure.alone else run)(
        work, (items[first : first + size] for first in range(0, len(items), size))
    )


def _measure(name: str, settings: Settings, spec: Spec, items: Sequence[Item]) -> list[Row]:
    return measure_points(name, settings, spec, [digest for digest, _ in items], [point for _, point in items])
