"""Helpers for measurements on a GPU: peak performance, timing, and the remaining time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from benchmarks.page import Table

Work = Callable[[], object]


@dataclass(frozen=True)
class Device:
    """A GPU, or the CPU for a trial run, with its peak performance."""

    kind: str
    name: str
    flops: float
    """Floating-point operations per second of a product of large square bfloat16 matrices."""
    bandwidth: float
    """Bytes per second read and written by a copy."""

    @classmethod
    def find(cls, matrix: int) -> Device:
        kind = "cuda" if torch.cuda.is_available() and matrix > 64 else "cpu"
        name = torch.cuda.get_device_name() if kind == "cuda" else "this processor"
        left, right = (torch.randn(matrix, matrix, device=kind).bfloat16() for _ in range(2))
        source = torch.empty(matrix * matrix * 8, device=kind, dtype=torch.bfloat16)
        target = torch.empty_like(source)
        seconds = medians_on({"product": lambda: left @ right, "copy": lambda: target.copy_(source)}, kind, rounds=20)
        return cls(kind, name, 2 * matrix**3 / seconds["product"], 2 * source.nbytes / seconds["copy"])

    def describe(self) -> Table:
        row = (self.name, f"{self.flops / 1e12:.3g} TFLOP/s", f"{self.bandwidth / 1e12:.3g} TB/s", torch.__version__)
        return Table(("card", "matrix product in bfloat16", "copy", "torch"), [row])


def medians_on(works: Mapping[str, Work], kind: str, rounds: int, warm_ups: int = 3) -> dict[str, float]:
    """Median seconds of each work, timed in turns; by CUDA events on a GPU."""
    for work in works.values():
        for _ in range(warm_ups):
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    timed = _time_on_gpu if kind == "cuda" else _time_on_cpu
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(timed(work))
    return {name: statistics.median(times) for name, times in seconds.items()}


def _time_on_gpu(work: Work) -> float:
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def _time_on_cpu(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass
class Stopwatch:
    """The remaining time, and the names of what was left out."""

    seconds: float
    left_out: list[str] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)

    def allows(self, seconds: float, name: str = "") -> bool:
        """Whether that much time is left; otherwise `name` is added to what was left out."""
        enough = time.monotonic() - self._start + seconds <= self.seconds
        if not enough and name:
            self.left_out.append(name)
        return enough
