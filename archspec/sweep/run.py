"""Runs a sweep: counts the points of a space that its folder does not have yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from archspec.sweep.counting import VariantCounter
from archspec.sweep.evaluate import count_points, list_columns
from archspec.sweep.executors import run_here, run_in_pool, run_on_cluster
from archspec.sweep.space import Point, Space, digest_point
from archspec.sweep.store import Row, Store

BATCH = 64
"""The points that are counted and written together."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    >>> Outcome(points=6, counted=2).counted
    2
    """

    points: int
    """All points of the space, or of its sample."""
    counted: int
    """Those that were counted now; the others were there."""


def run_sweep(
    space: Space,
    folder: Path,
    *,
    processes: int = 1,
    scheduler: str | None = None,
    batch: int = BATCH,
    advance: Callable[[int, int], object] | None = None,
) -> Outcome:
    """Counts all points of a space into a folder, where those that were counted before are kept.

    Args:
        space: what to count.
        folder: is made if it does not exist.
        processes: how many work at once on this machine.
        scheduler: the address of a scheduler of Dask distributed, whose workers count instead.
        batch: the number of points that are counted and written together.
        advance: is called with the points that are counted so far, and with those that were to be counted.

    Raises:
        SpecError: the base has errors.
        StoreError: the folder is that of something else.
        WorkersLostError: processes end again and again.
        OSError: a file cannot be written; what was written before is there.

    >>> from archspec.sweep.space import read_space
    >>> space = read_space("{name: s, base: highway_mnist_fc10, over: {width: [10, 20], depth: {from: 1, to: 3}}}")
    >>> run_sweep(space, Path("widths"))
    Outcome(points=6, counted=6)
    >>> run_sweep(space, Path("widths"))
    Outcome(points=6, counted=0)
    """
    base = VariantCounter(space.spec)  # errors of the base itself end the run before it begins
    store = Store(folder, list_columns(space))
    store.prepare(space.text, base.flatten() if isinstance(space.spec, Path) else None)
    digests = [digest_point(space.base, point) for point in space.points()]
    known = store.find_digests()
    missing = sum(digest not in known for digest in dict.fromkeys(digests))
    work = partial(_count, space.text, str(space.folder) if space.folder else None)
    batches = _iter_batches(space, known, batch)
    counted = 0
    for rows, timings in _run(work, batches, processes, scheduler):
        store.add(rows, timings)
        counted += len(rows)
        if advance is not None:
            advance(counted, missing)
    store.finish(list(dict.fromkeys(digests)))
    return Outcome(len(digests), counted)


def _run(work: Any, batches: Iterator[tuple[Point, ...]], processes: int, scheduler: str | None) -> Iterator[Any]:
    if scheduler is not None:
        return run_on_cluster(work, batches, scheduler)
    return run_in_pool(work, batches, processes) if processes > 1 else run_here(work, batches)


def _count(text: str, folder: str | None, points: tuple[Point, ...]) -> tuple[list[Row], list[Row]]:
    return count_points(text, folder, points)


def _iter_batches(space: Space, known: set[str], size: int) -> Iterator[tuple[Point, ...]]:
    """The points that are not known, each once, in batches."""
    met = set(known)
    missing = []
    for point in space.points():
        digest = digest_point(space.base, point)
        if digest not in met:
            met.add(digest)
            missing.append(point)
            if len(missing) == size:
                yield tuple(missing)
                missing = []
    if missing:
        yield tuple(missing)
