"""The sections of the page, in its order."""

from __future__ import annotations

from benchmarks import (
    commands,
    compiler,
    compiling,
    drawing,
    gpu,
    graphs,
    growth,
    inference,
    paths,
    sweep,
    training,
    work,
    zoo,
)

SECTIONS = (
    inference.SECTION,
    zoo.SECTION,
    training.SECTION,
    compiling.SECTION,
    gpu.SECTION,
    commands.SECTION,
    growth.SECTION,
    work.SECTION,
    compiler.SECTION,
    drawing.SECTION,
    paths.SECTION,
    graphs.SECTION,
    sweep.SECTION,
)
