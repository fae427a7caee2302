"""Runs a sweep: counts the points of a space that its folder does not have yet, or searches for some, and measures them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from archspec import files
from archspec.sweep.base import open_base
from archspec.sweep.evaluate import count_points, list_tables
from archspec.sweep.executors import Run, choose_executor
from archspec.sweep.measuring import measure_rows
from archspec.sweep.merging import Keys, parse_digest
from archspec.sweep.space import Point, Space, digest_point, read_space
from archspec.sweep.store import SPACE, Row, Store, StoreError

BATCH = 64
"""The points that are counted and written together."""

Advance = Callable[[str, int, int], object]
"""Is called with what is done ("points", or the name of a measure), how many are done, and how many there are to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    >>> Outcome(points=6, counted=2).counted
    2
    """

    points: int
    """All points of the space, or of its sample; those that were found, of a search."""
    counted: int
    """Those that were counted now; the others were there."""
    measured: dict[str, int] = field(default_factory=dict)
    """How many points were measured now, by the name of the measure."""


def run_sweep(
    space: Space,
    folder: Path,
    *,
    processes: int = 1,
    scheduler: str | None = None,
    batch: int = BATCH,
    advance: Advance | None = None,
) -> Outcome:
    """Counts all points of a space into a folder, where those that were counted before are kept, and measures what the space asks for.

    Args:
        space: what to count; with `search`, its points are suggested by Optuna instead.
        folder: is made if it does not exist.
        processes: how many work at once on this machine.
        scheduler: the address of a scheduler of Dask distributed, whose workers count and train instead.
        batch: the number of points that are counted and written together.
        advance: is called with what is done, as `Advance` says.

    Raises:
        SpecError: the base has errors, or has no argument, block or stage of the name of an axis.
        StoreError: the folder is that of something else, or of another space.
        WorkersLostError: processes end again and again.
        MissingDeviceError: the device of a measure is not available.
        UnavailableError: a package is missing.
        OSError: a file cannot be written, or another process writes into the folder; what was written before is there.

    >>> from archspec.sweep.space import read_space
    >>> space = read_space("{name: s, base: highway_mnist_fc10, over: {width: [10, 20], depth: {from: 1, to: 3}}}")
    >>> run_sweep(space, Path("widths"))
    Outcome(points=6, counted=6, measured={})
    >>> run_sweep(space, Path("widths"))
    Outcome(points=6, counted=0, measured={})
    """
    base = open_base(space)  # its errors end the run before it begins
    store = Store(folder, list_tables(space))
    files.make_folder(folder)
    with files.hold_folder(folder):
        _check_kept_space(folder, space)
        store.prepare(space.text, base.flatten() if isinstance(space.spec, Path) else None)
        run, tell = choose_executor(processes, scheduler), advance or (lambda *_: None)
        if space.search is not None:
            from archspec.sweep.search import search_points

            return Outcome(*search_points(space, store, run, processes, tell))
        points, counted = _count_missing(space, store, run, batch, tell)
        return Outcome(points, counted, measure_rows(space, store, run, tell))


def _check_kept_space(folder: Path, space: Space) -> None:
    """Raises `StoreError` if a folder has the points of a space of another name, which would be lost."""
    kept = folder / SPACE
    if kept.exists() and (other := read_space(kept).name) != space.name:
        raise StoreError(f"{folder} holds points of the space {other}, and this is {space.name}: name another folder")


def _count_missing(space: Space, store: Store, run: Run, batch: int, advance: Advance) -> tuple[int, int]:
    """The number of points of the space, and of those that were counted now."""
    order = _list_keys(space)
    known = store.find_keys("points")
    missing = sum(key not in known for key in order)
    work = partial(_count, space.text, str(space.folder) if space.folder else None)
    counted = 0
    for rows, timings in run(work, _iter_batches(space, order, known, batch)):
        store.add({"timings": timings, "points": rows})
        counted += len(rows)
        advance("points", counted, missing)
    store.finish(("points", "timings"), order)
    return len(order), counted


def _list_keys(space: Space) -> Sequence[int]:
    """The digests of the points as numbers, each once, in order; only points that are drawn from intervals may be equal."""
    keys = (parse_digest(digest_point(space.base, point)) for point in space.points())
    return array("Q", keys if space.size is not None else dict.fromkeys(keys))


def _count(text: str, folder: str | None, points: tuple[Point, ...]) -> tuple[list[Row], list[Row]]:
    return count_points(text, folder, points)


def _iter_batches(space: Space, order: Sequence[int], known: Keys, size: int) -> Iterator[tuple[Point, ...]]:
    """The points that are not known, each once, in batches. `order` has the digests of all points, each where it comes first."""
    missing, position = [], 0
    for point in space.points():
        if position == len(order):
            break
        key = parse_digest(digest_point(space.base, point))
        if key != order[position]:
            continue  # it was drawn before
        position += 1
        if key not in known:
            missing.append(point)
        if len(missing) == size:
            yield tuple(missing)
            missing = []
    if missing:
        yield tuple(missing)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many points of a folder have which status, how many structures those have that are networks, and what is wrong with others.

    >>> Tally(Counter(ok=2), structures=1, messages=Counter()).statuses["ok"]
    2
    """

    statuses: Counter[str]
    structures: int
    messages: Counter[str]


def tally_points(folder: Path) -> Tally:
    """Counts the rows of a sweep by their status. Raises `StoreError`.

    >>> from archspec.sweep.space import read_space
    >>> outcome = run_sweep(read_space("{name: s, base: highway_mnist_fc10, over: {width: [10, 0]}}"), Path("wrong"))
    >>> tally_points(Path("wrong")).statuses
    Counter({'ok': 1, 'invalid': 1})
    """
    store = Store(folder, {})
    statuses: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    structures: set[int] = set()
    for row in store.iter_rows("points", ["status", "message", "structure"]):
        statuses[row["status"]] += 1
        if row["message"]:
            messages[row["message"]] += 1
        if row["status"] == "ok":
            structures.add(int(row["structure"], 16))
    return Tally(statuses, len(structures), messages)
