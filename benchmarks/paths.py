"""Counting paths: distributions of large networks, the growth of the cost, and networkx, which walks each path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import networkx as nx

import archspec
from benchmarks.growth import GROWING
from benchmarks.measure import shown, timed
from benchmarks.page import Section, Table

LARGE = archspec.Limits(nodes=1_000_000)
CHAIN = """
name: chain
input: [8]
args: {units: int}
stages:
  body: {repeat: {times: units, layers: [add: [{linear: channels}, identity]]}}
"""
ABOUT = """
Exact counts of paths, after the spec is loaded. A distribution has, for each length, a number of as many bits as there are units. The
peer of the last table, `networkx.all_simple_edge_paths`, walks the paths one by one.
"""


def measure(quick: bool) -> Iterator[Table]:
    yield Table(("what", "time", "aim", "met"), list(aims(100 if quick else 100_000)))
    units = (10, 20) if quick else (10, 100, 1000, 2000, 4000, 10_000, 100_000)
    yield Table(
        ("units", "total", "total, mean, extremes", "whole distribution"),
        [growing(count) for count in units],
        "Chains of residual units, two layers each:",
    )
    limit = 0.001 if quick else 10.0
    yield Table(
        ("units", "paths", "networkx", "archspec: total and distribution", "archspec: the paths one by one"),
        list(walking(limit)),
        f"Beside networkx: chains of residual units of one layer, up to the largest that it can do in about {limit:g} s:",
    )


def aims(units: int) -> Iterator[tuple[str, ...]]:
    arch = archspec.load("cifar_resnet1202_A")
    best = min(timed(lambda: arch.paths().lengths) for _ in range(5))
    assert arch.paths().total == 2**600
    yield aimed("ResNet-1202: total and whole distribution, best of 5", best, 0.2)
    long = archspec.load(CHAIN, limits=LARGE, units=units)
    assert long.paths().total == 2**units
    yield aimed(f"a chain of {units:,} residual blocks, counted", timed(lambda: long.paths().total), 5)
    lengths = archspec.load("cifar_resnet110_A")
    yield aimed("ResNet-110: the first of 2^54 paths", timed(lambda: next(lengths.iter_paths())), 0.1)


def aimed(what: str, seconds: float, aim: float) -> tuple[str, ...]:
    return what, shown(seconds), f"≤ {aim:g} s", "yes" if seconds <= aim else "no"


def growing(units: int) -> tuple[str, ...]:
    arch = archspec.load(GROWING, limits=LARGE, units=units)
    total, figures = timed(partial(count, arch)), timed(partial(figures_of, arch))
    whole = shown(timed(partial(distribution, arch))) if units <= 4000 else "not tried"
    return f"{units:,}", shown(total), shown(figures), whole


def count(arch: archspec.Architecture) -> int:
    return arch.paths().total


def distribution(arch: archspec.Architecture) -> object:
    return arch.paths().lengths


def one_by_one(arch: archspec.Architecture) -> int:
    return sum(1 for _ in arch.iter_paths())


def figures_of(arch: archspec.Architecture) -> object:
    paths = arch.paths()
    return paths.total, paths.mean, paths.longest, paths.shortest


def walking(limit: float) -> Iterator[tuple[str, ...]]:
    units, seconds = 8, 0.0
    while seconds < limit / 2:  # the next one has twice as many paths
        units += 2 if seconds < limit / 8 else 1
        arch = archspec.load(CHAIN, limits=LARGE, units=units)
        seconds, ours = timed(partial(walk, arch)), timed(partial(distribution, arch))
        single = shown(timed(partial(one_by_one, arch))) if units <= 16 else "not tried"
        yield str(units), f"{2**units:,}", shown(seconds), shown(ours), single


def walk(arch: archspec.Architecture) -> None:
    """Counts the paths by walking them."""
    (start,) = arch.graph.inputs.values()
    (end,) = arch.graph.outputs.values()
    found = nx.all_simple_edge_paths(arch.to_networkx(), start.node, end.node)
    assert sum(1 for _ in found) == arch.paths().total


SECTION = Section("paths", "Paths", ABOUT, measure, ("networkx",))
