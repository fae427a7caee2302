"""Measures how long the specs of imported models are, beside the specs by hand and the classes of their libraries.

Lines are counted without blank ones. Those of a spec by hand include the specs that it extends. Those of a library are the classes of the modules
that a model has, with their bases, other than torch's: no functions that build a model, no configurations.
"""

from __future__ import annotations

import csv
import inspect
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median

from torch import nn

import archspec

RESULTS = Path(__file__).parent / "results" / "import_lengths.csv"


@dataclass(frozen=True)
class Length:
    """The lines of one model; 0 by hand if no bundled spec has its name."""

    model: str
    lines: int
    by_hand: int
    classes: int


def count_lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def count_class_lines(model: nn.Module) -> int:
    """The lines of the classes of a model's modules that are not torch's."""
    classes = {base for module in model.modules() for base in type(module).__mro__}
    own = [cls for cls in classes if cls is not object and cls.__module__.partition(".")[0] != "torch"]
    return sum(count_lines(inspect.getsource(cls)) for cls in own if cls.__module__ != "builtins")


def measure_length(result: archspec.Imported, source: str) -> Length:
    """The lines of an imported model."""
    name = source.partition(":")[2]
    bundled = archspec.load(name) if name in archspec.bundled() else None
    by_hand = sum(count_lines(own.text) for own in bundled.sources) if bundled is not None else 0
    return Length(source, count_lines(result.spec or ""), by_hand, count_class_lines(result.model))


def read_lengths() -> dict[str, Length]:
    if not RESULTS.exists():
        return {}
    with RESULTS.open(newline="") as file:
        rows = [
            Length(own["model"], int(own["lines"]), int(own["by_hand"]), int(own["classes"]))
            for own in csv.DictReader(file)
        ]
    return {row.model: row for row in rows}


def write_lengths(lengths: Iterable[Length]) -> None:
    """Adds rows to the file of results; a model's last row replaces those before it."""
    known = read_lengths() | {own.model: own for own in lengths}
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([own.name for own in fields(Length)])
        writer.writerows(astuple(own) for own in sorted(known.values(), key=lambda own: own.model))


def print_lengths() -> None:
    """Prints the medians of the results, as Markdown."""
    rows = read_lengths().values()
    print("| models | number | lines, median | of the spec by hand | of the library's classes |")
    print("|---|--:|--:|--:|--:|")
    groups = {
        "with a spec by hand": [own for own in rows if own.by_hand],
        "others": [own for own in rows if not own.by_hand],
    }
    for title, group in groups.items():
        if group:
            hand = f"{median(own.lines / own.by_hand for own in group):.2f}" if group[0].by_hand else ""
            classes = median(own.lines / own.classes for own in group)
            print(f"| {title} | {len(group)} | {median(own.lines for own in group):.0f} | {hand} | {classes:.2f} |")
