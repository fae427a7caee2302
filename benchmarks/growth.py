"""The time of each step from a spec to its result, by size of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import archspec
from archspec.draw import render_svg
from benchmarks.measure import timed
from benchmarks.page import Section, Table

ABOUT = """
Microseconds per weighted layer, for a residual network of two layers a unit: numbers that stay the same from line to line mean that
the work grows in proportion to the network. The last line is the number for the most layers divided by that for 1,202. Load is the
best of three; all else is done once. Equal units are folded in a picture.
"""

GROWING = """
name: growing
input: [16, 8, 8]
args: {units: int}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit:
    - add:
        - layers:
            conv1: {conv: {out: channels, kernel: 3}}
            bn1: batchnorm
            relu: relu
            conv2: {conv: {out: channels, kernel: 3}}
            bn2: batchnorm
        - identity
    - relu
stages:
  body: {repeat: {times: units, layers: unit}}
  pool: globalpool
  head: {linear: 10}
"""
STEPS: dict[str, Callable[[archspec.Architecture], object]] = {
    "counts": lambda arch: (arch.params, arch.macs, arch.depth),
    "summary": lambda arch: arch.summary(),
    "build, meta": lambda arch: arch.build(device="meta"),
    "build, cpu": lambda arch: arch.build(device="cpu"),
    "optimise": lambda arch: arch.optimize(for_="inference"),
    "build, optimised": lambda arch: arch.optimize(for_="inference").build(device="cpu"),
    "source": lambda arch: arch.source(),
    "draw, stages": lambda arch: render_svg(arch.draw()),
    "draw, layers": lambda arch: render_svg(arch.draw(detail="layers")),
}


def measure(quick: bool) -> Iterator[Table]:
    sizes = (10, 20) if quick else (50, 200, 1202, 10_000)
    for step in STEPS.values():  # warm-up: imports, the start of the layout engine
        step(archspec.load(GROWING, units=2))
    found = {layers: growth(layers) for layers in sizes}
    rows = [(f"{layers:,}", *(shown(one) for one in found[layers].values())) for layers in sizes]
    last, middle = found[sizes[-1]], found[sizes[-2]]
    ratios = [f"{last[name] / middle[name]:.2f}" for name in middle]
    yield Table(("layers", *last), [*rows, (f"{sizes[-1]:,} / {sizes[-2]:,}", *ratios)])


def growth(layers: int) -> dict[str, float]:
    """Seconds per layer of each step."""
    load = partial(archspec.load, GROWING, units=layers // 2)
    arch = load()
    seconds = {"load": min(timed(load) for _ in range(3))}
    seconds |= {name: timed(partial(step, arch)) for name, step in STEPS.items()}
    print(layers, seconds, flush=True)
    return {name: value / layers for name, value in seconds.items()}


def shown(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f}"


SECTION = Section("growth", "Growth", ABOUT, measure)
