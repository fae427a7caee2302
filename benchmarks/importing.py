"""Measures what `archspec import` makes of the models of torchvision and timm.

    python -m benchmarks.importing torchvision             all classifiers
    python -m benchmarks.importing timm --part 1/4         a quarter of 120 models of the convolutional families
    python -m benchmarks.importing NAME …                  some: torchvision:resnet18 timm:convnext_atto
    python -m benchmarks.importing families [NAME …]       one small model of each family of timm (`import_families`)
    python -m benchmarks.importing --lengths torchvision   the lines of specs, beside those by hand and the classes
    python -m benchmarks.importing --table                 the tables of the results so far, by family
    python -m benchmarks.importing --growth                seconds by the number of layers, up to 1,202

Each row is written to `benchmarks/results/importing.csv`, those of families to `import_families.csv`. The difference is that of outputs in evaluation mode, with the model's own
weights; inputs are smaller than usual where a network allows it (`--side`). `--training` also compares gradients.
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec
from archspec.codegen.fx.model_libraries import load_model_library
from archspec.codegen.fx.reference_models import make_reference
from archspec.recording.proof import prove_import
from benchmarks.import_families import FAMILIES, FAMILY_RESULTS, print_families
from benchmarks.import_lengths import measure_length, print_lengths, read_lengths, write_lengths

RESULTS = Path(__file__).parent / "results" / "importing.csv"
DRAWN = 120
SEED = 16
_CONVOLUTIONAL = (
    *("byobnet", "convmixer", "convnext", "cspnet", "cspnext", "densenet", "dla", "dpn", "edgenext", "efficientnet"),
    *(
        "fasternet",
        "ghostnet",
        "hardcorenas",
        "hgnet",
        "hrnet",
        "inception_next",
        "inception_resnet_v2",
        "inception_v3",
    ),
    *(
        "inception_v4",
        "lcnetv2",
        "mambaout",
        "metaformer",
        "mobilenetv3",
        "nasnet",
        "nfnet",
        "pnasnet",
        "rdnet",
        "regnet",
    ),
    *(
        "repghost",
        "repvit",
        "res2net",
        "resnest",
        "resnet",
        "resnetv2",
        "rexnet",
        "selecsls",
        "senet",
        "sknet",
        "starnet",
    ),
    *("tresnet", "vgg", "vovnet", "xception", "xception_aligned"),
)
_LARGEST = 60_000_000  # parameters of a model that is drawn: larger ones are the same code with other numbers
_MOST_SECONDS = 240  # of one model of a family
_WITHOUT_AUX = {"torchvision:googlenet", "torchvision:inception_v3"}


@dataclass(frozen=True)
class Row:
    """The result for one model."""

    model: str
    family: str
    params: int
    lines: int
    seconds: float
    difference: str
    gradients: str
    reason: str


def list_torchvision() -> list[str]:
    models = load_model_library("torchvision.models", "this")
    return [f"torchvision:{name}" for name in models.list_models(module=models)]


def draw_timm() -> list[str]:
    """The models of timm that are drawn, the same each time."""
    timm = load_model_library("timm", "this")
    modules = {name: _find_module(f"timm:{name}") for name in timm.list_models()}
    names = [name for name, module in modules.items() if module in _CONVOLUTIONAL]
    return [f"timm:{name}" for name in random.Random(SEED).sample(names, DRAWN)]


def _find_module(model: str) -> str:
    """The file of a library that defines a model."""
    place, _, name = model.partition(":")
    if place == "timm":
        timm = load_model_library("timm", "this")
        return str(timm.model_entrypoint(name).__module__).rpartition(".")[2]
    models = load_model_library("torchvision.models", "this")
    return str(models.get_model_builder(name).__module__).rpartition(".")[2]


def measure(model: str, side: int, *, training: bool) -> Row:
    """Imports a model, and compares the outputs of both, at a smaller input if that is possible."""
    family = _find_module(model)
    arguments: dict[str, Any] = {"aux_logits": False, "init_weights": False} if model in _WITHOUT_AUX else {}
    started = time.perf_counter()
    try:
        module = make_reference(model, arguments)
        params = sum(own.numel() for own in module.parameters())
        result = _import_small(module, model, side)
    except Exception as fault:  # noqa: BLE001 -- a row of the table
        return Row(model, family, 0, 0, 0.0, "", "", f"{type(fault).__name__}: {str(fault)[:200]}")
    seconds = time.perf_counter() - started
    if result.spec is None:
        return Row(model, family, params, 0, seconds, "", "", "; ".join(str(own) for own in result.problems[:3]))
    lines = sum(bool(line.strip()) for line in result.spec.splitlines())
    difference, gradients = _compare(result, training=training)
    return Row(model, family, params, lines, seconds, difference, gradients, "")


def _import_small(module: Any, source: str, side: int) -> archspec.Imported:
    """The import for an input of `side` places, or of the usual size if the model has no spec for that."""
    result = archspec.imported(module, (3, side, side), name=source.partition(":")[2].replace(".", "_"), proof=False)
    if result.spec is not None:
        return result
    return archspec.imported(source, name=result.name, proof=False)


def _compare(result: archspec.Imported, *, training: bool) -> tuple[str, str]:
    comparison = result.require().check_against(result.model)
    gradients = ""
    if training and comparison.largest_difference is not None:
        architecture = result.require()
        proof = prove_import(architecture.graph, architecture.build, result.model, result.name)
        gradients = proof.reason if proof.gradient_difference is None else f"{proof.gradient_difference:.2g}"
    return ("" if comparison.largest_difference is None else f"{comparison.largest_difference:.2g}"), gradients


def write_rows(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Adds rows to the file of results; a model's last row replaces those before it."""
    known = {row.model: row for row in read_rows(path)}
    for row in rows:
        known[row.model] = row
        print(f"{row.model:48} {row.lines:5} {row.seconds:7.1f} {row.difference:>8} {row.reason[:90]}", flush=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([own.name for own in fields(Row)])
            writer.writerows(astuple(own) for own in sorted(known.values(), key=lambda own: own.model))


def read_rows(path: Path = RESULTS) -> Iterator[Row]:
    if path.exists():
        with path.open(newline="") as file:
            for own in csv.DictReader(file):
                numbers = {
                    "params": int(own["params"]),
                    "lines": int(own["lines"]),
                    "seconds": round(float(own["seconds"]), 2),
                }
                yield Row(**{**own, **numbers})  # type: ignore[arg-type]


def print_table() -> None:
    """Prints the results by family, as Markdown, and why models fail."""
    families: dict[tuple[str, str], list[Row]] = defaultdict(list)
    rows = list(read_rows())
    for row in rows:
        families[row.model.partition(":")[0], row.family].append(row)
    print("| library | family | models | equal bit by bit | equal up to rounding | lines | seconds |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for (library, family), own in sorted(families.items()):
        through = [row for row in own if row.lines]
        exact = sum(row.difference == "0" for row in through)
        lines = round(median(row.lines for row in through)) if through else 0
        seconds = median(row.seconds for row in own)
        print(
            f"| {library} | {family} | {len(own)} | {exact} | {len(through) - exact} | {lines or ''} | {seconds:.1f} |"
        )
    print()
    for row in rows:
        if row.reason:
            print(f"- {row.model}: {row.reason}")


class Unit(nn.Module):
    """A residual unit of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + x)


def print_growth() -> None:
    """Prints the seconds of the processor that an import takes by the number of layers, as Markdown, after a small one that warms up."""
    print("| layers | seconds | milliseconds per layer |")
    print("|--:|--:|--:|")
    for layers in (10, 50, 200, 602, 1202):
        model = nn.Sequential(*(Unit(8) for _ in range(layers // 2)))
        started = time.process_time()
        archspec.imported(model, (8, 8, 8), name="growing", proof=False).require()
        seconds = time.process_time() - started
        if layers > 10:
            print(f"| {layers:,} | {seconds:.2f} | {1000 * seconds / layers:.2f} |", flush=True)


def _count_params(model: str) -> int:
    """The parameters of a model, which is not made for that."""
    place, _, name = model.partition(":")
    if place == "timm":
        with torch.device("meta"):
            return sum(own.numel() for own in make_reference(model).parameters())
    from torchvision import models

    return int(models.get_model_weights(name).DEFAULT.meta["num_params"])


def measure_lengths(models: list[str], seconds: float, *, again: bool) -> None:
    """Measures the lengths of models with at most `_LARGEST` parameters, until the seconds are over, and prints the medians."""
    limit = time.perf_counter() + seconds
    for model in [own for own in models if again or own not in read_lengths()]:
        if time.perf_counter() > limit:
            break
        arguments: dict[str, Any] = {"aux_logits": False, "init_weights": False} if model in _WITHOUT_AUX else {}
        large = _count_params(model) > _LARGEST
        result = None if large else archspec.imported(model, arguments=arguments, proof=False)
        if result is not None and result.spec is not None:
            length = measure_length(result, model)
            write_lengths([length])
            print(f"{model:48} {length.lines:5} {length.by_hand:7} {length.classes:7}", flush=True)
    print_lengths()


def measure_families(families: list[str], options: argparse.Namespace) -> None:
    """Measures a small model of each family, or of some, and prints the table."""
    known = {row.family: row for row in read_rows(FAMILY_RESULTS)}
    limit = time.perf_counter() + options.seconds
    for model in () if options.table else [f"timm:{name}" for name in FAMILIES]:
        family = _find_module(model)
        chosen = family in families if families else options.again or family not in known
        if chosen and time.perf_counter() < limit:
            write_rows([_measure_within(model, options.side)], FAMILY_RESULTS)
    print_families(list(read_rows(FAMILY_RESULTS)))


def _measure_within(model: str, side: int) -> Row:
    """The row of a model, or one that says that it took too long."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {_MOST_SECONDS} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(_MOST_SECONDS)
    try:
        return measure(model, side, training=False)
    except Exception as fault:  # noqa: BLE001 -- a row of the table
        return Row(model, _find_module(model), 0, 0, 0.0, "", "", f"{type(fault).__name__}: {str(fault)[:200]}")
    finally:
        signal.alarm(0)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=500.0, help="begin no other model after these")
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--again", action="store_true", help="also those that have results")
    parser.add_argument("--lengths", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args(arguments)
    if options.models[:1] == ["families"]:
        measure_families(options.models[1:], options)
        return
    if options.growth:
        print_growth()
        return
    if options.table:
        print_table()
        print()
        print_lengths()
        return
    lists = {"torchvision": list_torchvision, "timm": draw_timm}
    models = [model for name in options.models for model in (lists[name]() if name in lists else [name])]
    part, count = map(int, options.part.split("/"))
    if options.lengths:
        measure_lengths(models[part - 1 :: count], options.seconds, again=options.again)
        return
    done = set() if options.again else {row.model for row in read_rows()}
    limit = time.perf_counter() + options.seconds
    todo = [model for model in models[part - 1 :: count] if model not in done]
    write_rows(measure(model, options.side, training=options.training) for model in todo if time.perf_counter() < limit)


if __name__ == "__main__":
    main(sys.argv[1:])
