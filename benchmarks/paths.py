"""Counting paths: large networks with their whole distribution, how the cost grows, and networkx, which walks each path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import networkx as nx

import archspec
from benchmarks.compiler import GROWING
from benchmarks.measure import shown, timed

CHAIN = """
name: chain
input: [8]
args: {units: int}
stages:
  body: {repeat: {times: units, layers: [add: [{linear: channels}, identity]]}}
"""
WALKED = 10.0  # seconds that networkx may take for one network

HEAD = """
## Paths

Exact counts, after the spec is loaded; the paths of networkx are walked one by one. {networkx}

| what | seconds | aim | met |
|---|---|---|---|
"""
GROWTH = """
Chains of residual units, two layers each; seconds. A distribution has a number of as many bits as there are units for each length.

| units | total | total, mean, extremes | whole distribution |
|---|---|---|---|
"""
WALKS = """
The same question put to `networkx.all_simple_edge_paths`, which gives each path of the multigraph once: chains of residual units
of one layer, up to the largest that it can do in {limit:.0f} s.

| units | paths | networkx | archspec: total and distribution | archspec: the paths one by one |
|---|---|---|---|---|
"""


def section() -> str:
    """The part of the page that is about paths."""
    head = HEAD.format(networkx=f"networkx is {nx.__version__}.")
    parts = (head, aims(), GROWTH, growing(), WALKS.format(limit=WALKED), walking())
    return "".join(part if isinstance(part, str) else "\n".join(map(echoed, part)) + "\n" for part in parts)


def echoed(row: object) -> str:
    print(row, flush=True)
    return str(row)


@dataclass(frozen=True)
class Aimed:
    what: str
    seconds: float
    aim: float

    def __str__(self) -> str:
        met = "yes" if self.seconds <= self.aim else "no"
        return f"| {self.what} | {shown(self.seconds)} | ≤ {self.aim:g} s | {met} |"


def aims() -> Iterator[Aimed]:
    arch = archspec.load("cifar_resnet1202_A")
    best = min(timed(lambda: arch.paths().lengths) for _ in range(5))
    assert arch.paths().total == 2**600
    yield Aimed("ResNet-1202: total and whole distribution, best of 5", best, 0.2)
    long = archspec.load(CHAIN, units=100_000)
    assert long.paths().total == 2**100_000
    yield Aimed("a chain of 100,000 residual blocks, counted", timed(lambda: long.paths().total), 5)
    lengths = archspec.load("cifar_resnet110_A")
    yield Aimed("ResNet-110: the first of 2^54 paths", timed(lambda: next(lengths.iter_paths())), 0.1)


def growing() -> Iterator[str]:
    for units in (10, 100, 1000, 2000, 4000, 10_000, 100_000):
        arch = archspec.load(GROWING, units=units)
        total, figures = timed(partial(count, arch)), timed(partial(figures_of, arch))
        whole = shown(timed(partial(distribution, arch))) if units <= 4000 else "not tried"
        yield f"| {units:,} | {shown(total)} | {shown(figures)} | {whole} |"


def count(arch: archspec.Architecture) -> int:
    return arch.paths().total


def distribution(arch: archspec.Architecture) -> object:
    return arch.paths().lengths


def one_by_one(arch: archspec.Architecture) -> int:
    return sum(1 for _ in arch.iter_paths())


def figures_of(arch: archspec.Architecture) -> object:
    paths = arch.paths()
    return paths.total, paths.mean, paths.longest, paths.shortest


def walking() -> Iterator[str]:
    units, seconds = 8, 0.0
    while seconds < WALKED / 2:  # the next has twice as many
        units += 2 if seconds < WALKED / 8 else 1
        arch = archspec.load(CHAIN, units=units)
        seconds, ours = timed(partial(walk, arch)), timed(partial(distribution, arch))
        single = shown(timed(partial(one_by_one, arch))) if units <= 16 else "not tried"
        yield f"| {units} | {2**units:,} | {shown(seconds)} | {shown(ours)} | {single} |"


def walk(arch: archspec.Architecture) -> None:
    """Counts the paths by walking them."""
    (start,) = arch.network.inputs.values()
    (end,) = arch.network.outputs.values()
    found = nx.all_simple_edge_paths(arch.graph, start.node, end.node)
    assert sum(1 for _ in found) == arch.paths().total


if __name__ == "__main__":
    print(section())
