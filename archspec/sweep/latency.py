"""Measures how long networks take for a batch: on one device, warm, in turns, so that drifts of the machine concern all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archspec import extras
from archspec.errors import ArchspecError, SpecError
from archspec.spec.source_lookup import Spec
from archspec.sweep.measures import LatencySettings
from archspec.sweep.sections import load_point
from archspec.sweep.store import Row

_WARM = 3  # runs before the first that is timed


def measure_latency(spec: Spec, points: Sequence[Mapping[str, Any]], settings: LatencySettings) -> list[Row]:
    """The median and the quartiles of the seconds of a run, for each point; all points run once in each of the turns.

    Raises:
        MissingDeviceError: the device is not available.
        UnavailableError: torch is not installed.

    >>> (row,) = measure_latency("highway_mnist_fc10", [{"width": 10}], LatencySettings(repeats=3))
    >>> row["latency_low"] <= row["latency"] <= row["latency_high"]
    True
    """
    torch: Any = extras.load_extra("torch", "latency", "pip install 'archspec-nn[torch]'")
    from archspec.codegen.fx.trial import find_device

    place = find_device(settings.device)
    rows: list[Row] = [{} for _ in points]
    runs: dict[int, Callable[[], object]] = {}
    with torch.inference_mode():
        for number, point in enumerate(points):
            try:
                runs[number] = _prepare_run(spec, point, settings.batch, place)
            except (ArchspecError, MemoryError, torch.cuda.OutOfMemoryError) as error:
                rows[number] = {"latency_note": _describe_error(error)}
        seconds: dict[int, list[float]] = {number: [] for number in runs}
        for _ in range(settings.repeats):
            for number, run in runs.items():
                seconds[number].append(_time_run(run))
    note = torch.cuda.get_device_name(place) if place.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    for number, times in seconds.items():
        low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
        rows[number] = {"latency": middle, "latency_low": low, "latency_high": high, "latency_note": note}
    return rows


def _prepare_run(spec: Spec, point: Mapping[str, Any], batch: int, place: Any) -> Callable[[], object]:
    """A function that computes a batch and waits for the result; it has run a few times."""
    import torch

    arch = load_point(spec, point)
    module = arch.build(device=place, seed=0).eval()
    inputs = [
        torch.zeros(
            batch, *value.shape.sizes, device=place, dtype=torch.long if arch.graph.holds_indices(value) else None
        )
        for value in arch.graph.inputs.values()
    ]

    def run() -> object:
        result = module(*inputs)
        if place.type == "cuda":
            torch.cuda.synchronize(place)
        return result

    for _ in range(_WARM):
        run()
    return run


def _time_run(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _describe_error(error: BaseException) -> str:
    message = error.diagnostics[0].message if isinstance(error, SpecError) else str(error)
    return (message.splitlines() or [type(error).__name__])[0][:200]
