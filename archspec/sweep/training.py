"""Trains the points of a space by the code of `archspec train`, and reports their test errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archspec import extras
from archspec.errors import ArchspecError, SpecError
from archspec.spec.source_lookup import Spec
from archspec.sweep.measures import TrainingSettings
from archspec.sweep.sections import load_point
from archspec.sweep.store import Row

_OWN = ("data", "device", "seeds", "threads", "recipe")


def train_points(spec: Spec, points: Sequence[Mapping[str, Any]], settings: TrainingSettings) -> list[Row]:
    """The mean of the test errors over the seeds and their range, for each point; a training that fails has its message.

    Raises:
        MissingDeviceError: the device is not available.
        UnavailableError: torch is not installed.

    >>> tiny = "{name: tiny, input: [64], args: {width: 8}, stages: {body: [linear: width, relu], fc: {linear: 10}}}"
    >>> (row,) = train_points(tiny, [{"width": 16}], TrainingSettings(epochs=1))
    >>> 0 <= row["test_error_low"] <= row["test_error"] <= 1
    True
    """
    extras.load_extra("torch", "training", "pip install 'archspec-nn[train]'")
    from archspec.codegen.fx.trial import find_device

    find_device(settings.device)
    return [_train_point(spec, point, settings) for point in points]


def _train_point(spec: Spec, point: Mapping[str, Any], settings: TrainingSettings) -> Row:
    from archspec.experiments.track import DivergedError

    try:
        errors = [train_network(spec, point, settings, seed) for seed in range(settings.seeds)]
    except (ArchspecError, DivergedError, MemoryError) as error:
        message = error.diagnostics[0].message if isinstance(error, SpecError) else str(error)
        return {"test_error_note": (message.splitlines() or [type(error).__name__])[0][:200]}
    seeds = f"{settings.seeds} seed{'s' * (settings.seeds != 1)}"
    return {
        "test_error": sum(errors) / len(errors),
        "test_error_low": min(errors),
        "test_error_high": max(errors),
        "test_error_note": seeds,
    }


def train_network(spec: Spec, point: Mapping[str, Any], settings: TrainingSettings, seed: int) -> float:
    """The test error of one training. Raises `ExperimentError`, `DivergedError` and `SpecError`."""
    from archspec.experiments.fabric import Hardware, launch_fabric
    from archspec.experiments.recipe import choose_recipe
    from archspec.experiments.sources import open_data
    from archspec.experiments.training import begin_training, train_epochs

    given = settings.model_dump(exclude_none=True, exclude=set(_OWN))
    recipe = choose_recipe(settings.recipe, seed=seed, **given)
    graph = load_point(spec, point).graph
    fabric = launch_fabric(Hardware(settings.device), graph)
    data = open_data(settings.data, graph, str(fabric.device))
    *_, last = train_epochs(begin_training(graph, data, recipe, fabric=fabric), data, recipe)
    return last.test_error
