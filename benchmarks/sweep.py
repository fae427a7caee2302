"""The time to count many variants of a network, against building and counting each, and how a sweep grows."""

from __future__ import annotations

import itertools
import json
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import RATIO, Ratio, answer, megabytes, shown, turns
from benchmarks.page import Section, Table
from tests import references

ABOUT = """
Variants of ResNet-50 that differ in depth, cardinality and width are counted by
`archspec.sweep.counting.VariantCounter`; each peer builds the same variants with torchvision on the `meta` device, so that no weight is
drawn, and counts them with torchinfo, there as well, or with fvcore, which traces the network and so computes it once for an image of
224×224 pixels. A counter is new in each round, so that the time has the first elaboration of each distinct block. Parameters must be
equal, and with fvcore multiply-accumulates, too.
A sweep, which also writes its tables, is a whole process; *peak* is the largest resident memory of it, without workers.
"""

CELLS = 15_625
SECONDS = 60.0
"""The aim for all cells of NAS-Bench-201 on two cores."""
HIGHWAYS = "{name: grown, base: highway_mnist_fc10, over: {depth: {from: 2, to: DEEP}, width: {from: 5, to: WIDE}}}"


def measure(quick: bool) -> Iterator[Table]:
    variants = list_variants(2 if quick else 24)
    yield compare_counters(variants, 1 if quick else 3)
    yield compare_processes(quick)
    yield grow(((3, 8), (4, 8)) if quick else ((21, 54), (21, 504), (21, 5004)))


def list_variants(count: int) -> list[dict[str, int]]:
    """Variants of ResNet-50, spread over a grid."""
    grid = itertools.product((2, 4, 6, 8), (4, 6, 16, 23), (1, 2, 8, 32), (4, 8, 32, 64))
    points = [dict(zip(("depth2", "depth3", "groups", "base"), values, strict=True)) for values in grid]
    return points[:: len(points) // count][:count]


def compare_counters(variants: Sequence[Mapping[str, int]], rounds: int) -> Table:
    """Ours and the peers in turns, with a new counter in each."""
    works = {
        "archspec": partial(count_with_archspec, variants),
        "fvcore": partial(count_with_fvcore, variants),
        "torchinfo": partial(count_with_torchinfo, variants),
    }
    ours, theirs = count_with_archspec(variants), count_with_fvcore(variants)
    assert ours == theirs
    assert [params for params, _ in ours] == count_with_torchinfo(variants)
    seconds = {name: sorted(times)[len(times) // 2] / len(variants) for name, times in turns(works, rounds).items()}
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


def build_peer(depth2: int, depth3: int, groups: int, base: int) -> Any:
    from torch import device

    models = references.torchvision().models.resnet
    with device("meta"):
        layers = [3, depth2, depth3, 3]
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


def compare_processes(quick: bool) -> Table:
    """A sweep of NAS-Bench-201 by one process and by two."""
    count = 64 if quick else CELLS
    found = {number: answer("-m", "benchmarks.sweep", "cells", str(count), str(number)) for number in (1, 2)}
    rows = [
        (
            f"{count:,} cells of NAS-Bench-201, {number} process{'es' * (number > 1)}",
            shown(found[number]["seconds"]),
            f"{count / found[number]['seconds']:,.0f}",
            f"≤ {SECONDS:.0f} s" if number == 2 else "–",
            ("yes" if found[number]["seconds"] <= SECONDS else "no") if number == 2 else "–",
        )
        for number in found
    ]
    return Table(("a sweep", "time", "variants a second", "aim", "met"), rows)


def grow(sizes: Sequence[tuple[int, int]]) -> Table:
    """Sweeps of highway networks of more and more points."""
    rows = []
    for deep, wide in sizes:
        found = answer("-m", "benchmarks.sweep", "grow", str(deep), str(wide))
        rows.append(
            (f"{found['points']:,}", f"{1000 * found['seconds'] / found['points']:.2f} ms", megabytes(found["peak"]))
        )
    return Table(("points", "time of one", "peak"), rows, "A sweep of highway networks by their number of points:")


def sweep(space: str, processes: int) -> dict[str, float]:
    """Runs a sweep in a new folder: its points, seconds, and the peak of memory in bytes."""
    from archspec.sweep.run import run_sweep
    from archspec.sweep.space import read_space

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcome = run_sweep(read_space(space), Path(folder) / "sweep", processes=processes)
        seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"points": outcome.points, "seconds": seconds, "peak": peak}


def main(kind: str, first: str, second: str) -> None:
    if kind == "cells":
        base = (Path(__file__).parent.parent / "specs" / "spaces" / "nas_bench_201.yaml").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            bases = Path(folder) / "bases"
            bases.mkdir()
            source = Path(__file__).parent.parent / "specs" / "spaces" / "bases" / "nas_bench_201.yaml"
            (bases / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
            (Path(folder) / "cells.yaml").write_text(f"{base}sample: {first}\n", encoding="utf-8")
            found = sweep(str(Path(folder) / "cells.yaml"), int(second))
    else:
        found = sweep(HIGHWAYS.replace("DEEP", first).replace("WIDE", second), 1)
    print(json.dumps(found))


SECTION = Section("sweep", "Sweeps", ABOUT, measure, packages=("torch", "torchvision", "fvcore", "torchinfo"))

if __name__ == "__main__":
    main(*sys.argv[1:])
