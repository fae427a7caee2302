"""Runs every benchmark and writes docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.compiler import building, cold_start, counting, growing, running
from benchmarks.drawing import drawing
from benchmarks.paths import section
from benchmarks.training import dropping

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

HEAD = """# Benchmarks

Written by `make bench`. Each line compares archspec with a named peer; both are timed in turns in one run, and the seconds are
medians unless the line says otherwise. A ratio below 1 means that archspec is faster. The aims are what the project set itself
before it measured.

Two runs of the same line differ by up to a tenth on this machine. ResNet-50's steps are at or just above torchvision's: its ReLUs
and its sums work in place, ours make a new tensor each; with `inplace=True` set by hand on the ReLUs the training step measured 1.04
where it had measured 1.09.

Machine: {machine}. Python {python}, torch {torch}, torchvision {torchvision}, torchinfo {torchinfo}; torch's default number of threads
({threads}).

| what | peer | archspec | peer | ratio | aim | met |
|---|---|---|---|---|---|---|
"""

GROWTH = """
## Growth

Microseconds per weighted layer, for a residual network of two layers a unit; constant numbers mean linear growth.

| layers | load | counts | build on meta | build on cpu | load, counts and build in all |
|---|---|---|---|---|---|
"""


def main() -> None:
    import torch

    versions = {name: version(name) for name in ("torch", "torchvision", "torchinfo")}
    head = HEAD.format(machine=machine(), python=platform.python_version(), threads=torch.get_num_threads(), **versions)
    ratios = [*cold_start(), *counting(), *building(), *running(), *drawing(), *dropping()]
    growth = list(growing())
    text = head + "\n".join(map(str, ratios)) + "\n" + GROWTH + "\n".join(map(str, growth)) + "\n" + section()
    PAGE.write_text(text, encoding="utf-8")
    print(f"written: {PAGE}", file=sys.stderr)


def machine() -> str:
    """The processor and how many cores of it there are."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
