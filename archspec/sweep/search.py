"""Searches a space by Optuna: its sampler suggests points, their exact counts exclude some before anything is built, others are measured.

The trials are kept by Optuna's journal storage in `journal.log` of the sweep's folder, so that a search that was ended goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from archspec import extras
from archspec.numerals import parse_digits
from archspec.sweep.axes import Axis, Choices, Progression
from archspec.sweep.conditions import ConditionError
from archspec.sweep.evaluate import count_points
from archspec.sweep.executors import Run
from archspec.sweep.measures import MEASURES
from archspec.sweep.measuring import find_measured, run_measure
from archspec.sweep.search_settings import SearchSettings
from archspec.sweep.space import Point, Space, digest_point
from archspec.sweep.store import Row, Store

JOURNAL = "journal.log"
_ASKS = 20  # suggestions for each trial that is wanted


def search_points(
    space: Space, store: Store, run: Run, processes: int, advance: Callable[[str, int, int], object]
) -> tuple[int, int, dict[str, int]]:
    """Evaluates points that the sampler suggests until there are as many as `trials` says.

    Returns:
        The number of points in the folder, and how many were counted now, and measured, by the name of the measure.

    Raises:
        UnavailableError: Optuna is not installed.
    """
    settings = space.search
    assert settings is not None
    with _quiet_optuna() as optuna:
        search = _Search(space, store, run, settings, open_study(optuna, settings, store.folder / JOURNAL))
        asked = 0
        while search.evaluated < settings.trials and asked < _ASKS * settings.trials and not search.is_exhausted:
            wanted = min(processes, settings.trials - search.evaluated)
            search.evaluate([search.study.ask() for _ in range(max(1, wanted))])
            asked += max(1, wanted)
            advance("points", search.evaluated, settings.trials)
    store.finish(("points", "timings", *space.measures))
    return len(search.rows), search.counted, search.measured


@contextmanager
def _quiet_optuna() -> Iterator[Any]:
    """Optuna without its messages about each trial and its warnings that constraints are new."""
    optuna: Any = extras.load_extra("optuna", "a search", "pip install 'archspec-nn[search]'")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def open_study(optuna: Any, settings: SearchSettings, journal: Path) -> Any:
    """The study of a search in a journal; trials that were cut off are marked as failed."""
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    directions = ["maximize" if objective.startswith("-") else "minimize" for objective in settings.objectives]
    study = optuna.create_study(
        study_name=" ".join(settings.objectives),
        storage=storage,
        directions=directions,
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    seed = settings.seed + len(study.get_trials(deepcopy=False))  # a search that goes on must not draw the same again
    study.sampler = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }[settings.sampler]()
    return study


@dataclass
class _Search:
    """One run of a search."""

    space: Space
    store: Store
    run: Run
    settings: SearchSettings
    study: Any
    counted: int = 0
    measured: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows: dict[str, Row] = self.store.rows("points")
        self.measures = {
            name: find_measured(self.store, name, settings) for name, settings in self.space.measures.items()
        }
        self.measured = dict.fromkeys(self.measures, 0)

    @property
    def evaluated(self) -> int:
        """The points that meet the conditions and have all measurements."""
        return sum(
            row["status"] == "ok" and all(digest in done for done in self.measures.values())
            for digest, row in self.rows.items()
        )

    @property
    def is_exhausted(self) -> bool:
        """Whether the space has no further points."""
        return self.space.size is not None and len(self.rows) >= self.space.size

    def evaluate(self, trials: Sequence[Any]) -> None:
        """Counts and measures the points that trials suggest, and tells the results."""
        points = [{axis.name: suggest_value(trial, axis) for axis in self.space.axes} for trial in trials]
        digests = [digest_point(self.space.base, point) for point in points]
        items = dict(zip(digests, points, strict=True))
        self._count(items)
        self._measure({digest: point for digest, point in items.items() if self.rows[digest]["status"] == "ok"})
        for trial, digest, point in zip(trials, digests, points, strict=True):
            self._tell(trial, digest, point)

    def _count(self, items: Mapping[str, Point]) -> None:
        new = [point for digest, point in items.items() if digest not in self.rows]
        if not new:
            return
        rows, timings = count_points(self.space.text, str(self.space.folder) if self.space.folder else None, new)
        self.store.add({"timings": timings, "points": rows})
        self.rows |= {row["digest"]: row for row in rows}
        self.counted += len(rows)

    def _measure(self, items: Mapping[str, Point]) -> None:
        for name, done in self.measures.items():
            missing = [(digest, point) for digest, point in items.items() if digest not in done]
            for rows in run_measure(self.space.spec, name, self.space.measures[name], missing, self.run):
                self.store.add({name: rows})
                done.update((row["digest"], row) for row in rows)
                self.measured[name] += len(rows)

    def _tell(self, trial: Any, digest: str, point: Point) -> None:
        """Tells the objectives of a point; that it is pruned if it is no network or does not meet the conditions; or that it failed."""
        row = self.rows[digest]
        trial.set_constraint("is a network", float(row["status"] == "invalid"))
        for condition, violation in self._find_violations(point, row):
            trial.set_constraint(condition, violation)
        values = [self._find_objective(objective.removeprefix("-"), digest) for objective in self.settings.objectives]
        if row["status"] != "ok":
            self.study.tell(trial, state=_state("PRUNED"))
        elif None in values:
            self.study.tell(trial, state=_state("FAIL"))
        else:
            self.study.tell(trial, values)

    def _find_objective(self, name: str, digest: str) -> float | None:
        value = self.measures[name][digest][name] if name in MEASURES and digest in self.measures[name] else None
        if name not in MEASURES:
            value = self.rows[digest].get(name)
        try:
            return None if value is None else float(parse_digits(value) if isinstance(value, str) else value)
        except OverflowError:
            return float("1e308")  # more paths than a float has room for

    def _find_violations(self, point: Point, row: Row) -> Iterator[tuple[str, float]]:
        counts = {
            name: parse_digits(value) if name == "paths" else value for name, value in row.items() if value is not None
        }
        known = {**counts, **self.space.name_values(point)}
        for condition in self.space.conditions:
            if condition.names <= known.keys():
                try:
                    yield condition.text, condition.measure_violation(known)
                except ConditionError:
                    yield condition.text, 1.0


def _state(name: str) -> Any:
    import optuna

    return getattr(optuna.trial.TrialState, name)


def suggest_value(trial: Any, axis: Axis) -> Any:
    """A value of an axis that a trial of Optuna suggests; choices are suggested by their positions."""
    if isinstance(axis, Choices):
        if len(axis.values) > 1 and _is_rising(axis.values):
            return axis.values[trial.suggest_int(axis.name, 0, len(axis.values) - 1)]
        return axis.values[trial.suggest_categorical(axis.name, list(range(len(axis.values))))]
    if axis.step is None and isinstance(axis.low, int) and isinstance(axis.high, int):
        return trial.suggest_int(axis.name, axis.low, axis.high, log=axis.log)
    number = trial.suggest_float(axis.name, axis.low, axis.high, log=axis.log)
    return number if axis.step is None else axis.round(number)


def _is_rising(values: Sequence[Any]) -> bool:
    """Whether values are numbers in order, of which neighbours are alike."""
    if isinstance(values, Progression):
        return True
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return numbers and all(first < second for first, second in pairwise(values))
