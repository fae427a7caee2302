"""The time to count many variants of a network, against building and counting each, and how a sweep grows."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import re
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from archspec.spec import bundled
from benchmarks.measure import RATIO, Ratio, Work, answer, megabytes, shown, turns
from benchmarks.page import Section, Table
from tests import references

ABOUT = """
288 variants of ResNet-50 that differ in depth, cardinality and width are counted by `archspec.sweep.counting.VariantCounter`. Each peer
builds 12 of them, spread over all, with torchvision on the `meta` device, so that no weight is drawn, and counts them with torchinfo,
there as well, or with fvcore, which traces the network and so computes it once for an image of 224×224 pixels; what it takes for one does not
depend on how many there are. A counter is new in each round, so that the time has the first elaboration of each distinct block.
Parameters must be equal, and with fvcore multiply-accumulates, too.
A sweep, which also writes its tables, is a whole process with its workers. All numbers are processor time, which other load on the machine
changes less than the time that passes; that of a sweep divided by the number of cores it is about what a sweep takes on an idle machine. *Peak* is the largest
resident memory of the process, without workers.
"""

CELLS, SOME = 15_625, 500
SECONDS = 120.0
"""The aim for all cells of NAS-Bench-201: a minute on two cores."""
SMALL = """
name: small
base: "{name: small, input: [8], args: {first: 4, second: 4}, stages: {body: [linear: first, relu], fc: {linear: second}}}"
over: {first: {from: 1, to: DEEP}, second: {from: 1, to: WIDE}}
"""


def measure(quick: bool) -> Iterator[Table]:
    sizes = ((2, 3), (2, 4)) if quick else ((100, 100), (1000, 100), (3000, 100))
    yield compare_counters(list_variants(), 2 if quick else 12, 1 if quick else 3)
    yield count_cells(quick)
    yield grow(sizes)


def list_variants() -> list[dict[str, int]]:
    """Variants of ResNet-50."""
    costs = (
        (1, 64),
        (2, 40),
        (4, 24),
        (8, 14),
        (32, 4),
        (1, 48),
        (16, 4),
        (32, 2),
    )  # groups and width: about one cost, or less
    depths = itertools.product((2, 3), (2, 4), (4, 6, 8), (2, 3, 4))
    return [
        {f"depth{stage}": depth for stage, depth in enumerate(chosen, start=1)} | {"groups": groups, "base": base}
        for chosen, (groups, base) in itertools.product(depths, costs)
    ]


def compare_counters(variants: Sequence[Mapping[str, int]], count: int, rounds: int) -> Table:
    """Ours of all variants, with a new counter in each round, and the peers of `count` of them, in turns."""
    some = variants[:: len(variants) // count + 1]  # of each depth and cost
    works: dict[str, Work] = {
        "archspec": partial(count_with_archspec, variants),
        "fvcore": partial(count_with_fvcore, some),
        "torchinfo": partial(count_with_torchinfo, some),
    }
    ours, theirs = count_with_archspec(some), count_with_fvcore(some)
    assert ours == theirs
    assert [params for params, _ in ours] == count_with_torchinfo(some)
    seconds = {
        name: sorted(times)[len(times) // 2] / len(variants if name == "archspec" else some)
        for name, times in turns(works, rounds, time.process_time).items()
    }
    rows = [
        Ratio("count a variant", f"torchvision and {name}", seconds["archspec"], seconds[name], 0.02).cells
        for name in ("fvcore", "torchinfo")
    ]
    return Table(RATIO, rows)


def count_with_archspec(variants: Sequence[Mapping[str, int]]) -> list[tuple[int, int]]:
    """Parameters and multiply-accumulates of each variant."""
    from archspec.sweep.counting import VariantCounter

    counter = VariantCounter("resnet50")
    counts = [counter.count(**variant) for variant in variants]
    return [(count.params, count.macs) for count in counts]


def build_peer(groups: int, base: int, **depths: int) -> Any:
    from torch import device

    models = references.torchvision().models.resnet
    with device("meta"):
        layers = [depths[f"depth{stage}"] for stage in range(1, 5)]
        return models.ResNet(models.Bottleneck, layers, groups=groups, width_per_group=base).eval()


def count_with_fvcore(variants: Sequence[Mapping[str, int]]) -> list[tuple[int, int]]:
    import torch
    from fvcore.nn import FlopCountAnalysis

    counts = []
    pixels = torch.zeros(1, 3, 224, 224)
    for variant in variants:
        model = build_peer(**variant).to_empty(device="cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            counted = FlopCountAnalysis(model, pixels).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            by_op = counted.by_operator()
        params = sum(weight.numel() for weight in model.parameters())
        counts.append((params, int(by_op["conv"] + by_op["linear"])))
    return counts


def count_with_torchinfo(variants: Sequence[Mapping[str, int]]) -> list[int]:
    from torchinfo import summary

    return [
        summary(build_peer(**variant), (1, 3, 224, 224), device="meta", verbose=0).total_params for variant in variants
    ]


def count_cells(quick: bool) -> Table:
    """Sweeps of cells of NAS-Bench-201: some by one process and by two, and all."""
    rows = []
    for count, processes in ((16, 1), (16, 2), (32, 2)) if quick else ((SOME, 1), (SOME, 2), (CELLS, 2)):
        found = answer("-m", "benchmarks.sweep", "cells", str(count), str(processes))
        seconds = found["seconds"]
        aim, met = ("–", "–") if count in (16, SOME) else (f"≤ {SECONDS:.0f} s", "yes" if seconds <= SECONDS else "no")
        work = f"{count:,} cells, {processes} process{'es' * (processes > 1)}"
        rows.append(
            (work, shown(seconds), f"{1000 * seconds / count:.1f} ms", f"{count / seconds * processes:,.0f}", aim, met)
        )
    columns = ("a sweep of NAS-Bench-201", "processor time", "of a variant", "variants a second", "aim", "met")
    return Table(columns, rows)


def grow(sizes: Sequence[tuple[int, int]]) -> Table:
    """Sweeps of more and more points."""
    rows = []
    for deep, wide in sizes:
        found = answer("-m", "benchmarks.sweep", "grow", str(deep), str(wide))
        each = f"{1000 * found['seconds'] / found['points']:.1f} ms"
        rows.append((f"{found['points']:,}", each, megabytes(found["peak"])))
    return Table(
        ("points", "processor time of one", "peak"), rows, "A sweep of networks of two layers by the number of points:"
    )


def sweep(space: str, processes: int) -> dict[str, float]:
    """Runs a sweep in a new folder: its points, the processor seconds of all its processes, and the peak of memory in bytes."""
    from archspec.sweep.run import run_sweep
    from archspec.sweep.space import read_space

    with tempfile.TemporaryDirectory() as folder:
        outcome = run_sweep(read_space(space), Path(folder) / "sweep", processes=processes)
    join_workers()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return {"points": outcome.points, "seconds": seconds, "peak": read_peak()}


def read_peak() -> int:
    """The largest resident memory of this process in bytes, without that of the process that it was forked from; 0 if it is not known."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8")) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


def join_workers() -> None:
    """Waits for the processes of the pool, whose time is known when they have ended."""
    for child in multiprocessing.active_children():
        child.join()


def main(kind: str, first: str, second: str) -> None:
    if kind == "grow":
        print(json.dumps(sweep(SMALL.replace("DEEP", first).replace("WIDE", second), 1)))
        return
    path = bundled.find_bundled_space("nas_bench_201")
    assert path is not None
    text = path.read_text(encoding="utf-8").replace("bases/", str(path.parent / "bases") + "/")
    print(json.dumps(sweep(f"{text}sample: {first}\n", int(second))))


SECTION = Section("sweep", "Sweeps", ABOUT, measure, packages=("torch", "torchvision", "fvcore", "torchinfo"))

if __name__ == "__main__":
    main(*sys.argv[1:])
