"""Writes docs/benchmarks.md: the last results of each section, with their text."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.reasons import REASONS

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parent / "results"

HEAD = """# Benchmarks

How fast archspec is, and how much memory it needs, beside named peers that do the same work. `make bench` measures everything and
writes this page; `python -m benchmarks {first}` measures one section again.

How to read the tables: both sides are timed in turns in one run, and times are medians unless a line says otherwise. A **ratio**
is archspec's number divided by the peer's: below 1, archspec needs less. The **aim** is what the project set itself before it
measured; **met** says whether the ratio, as printed, keeps it. Where one is missed, the section says why. Times on another
machine differ, ratios less so; two runs of one line differ by up to a tenth.

{summary}
"""


@dataclass(frozen=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    on_page: bool = True
    """Whether the page shows it; otherwise it is among the results only."""

    def __str__(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{self.caption}\n\n{table}\n" if self.caption else f"{table}\n"


@dataclass(frozen=True)
class Result:
    """The results of a section, with date and machine."""

    date: str
    machine: str
    versions: Mapping[str, str]
    threads: int
    tables: Sequence[Table]
    minutes: float | None = None
    """The minutes of the measurement."""

    def cells(self, text: str) -> int:
        """The number of cells with this text."""
        return sum(cell == text for table in self.tables for row in table.rows for cell in row)


@dataclass(frozen=True)
class Section:
    """A section of the page; `measure(quick)` returns its tables, with tiny networks if `quick`."""

    name: str
    title: str
    about: str
    measure: Callable[[bool], Iterator[Table]]
    packages: tuple[str, ...] = ("torch",)

    def measured(self, *, quick: bool = False) -> Result:
        start = time.perf_counter()
        tables = []
        for table in self.measure(quick):
            print(table, flush=True)
            tables.append(table)
        versions = {"Python": platform.python_version()} | {name: installed(name) for name in self.packages}
        minutes = round((time.perf_counter() - start) / 60, 1)
        return Result(time.strftime("%Y-%m-%d", time.gmtime()), machine(), versions, threads(), tuple(tables), minutes)


def save(name: str, result: Result, folder: Path = RESULTS) -> None:
    folder.mkdir(exist_ok=True)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def saved(name: str, folder: Path = RESULTS) -> Result | None:
    """The last result of a section, or None."""
    file = folder / f"{name}.json"
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    return Result(**found | {"tables": tuple(Table(**table) for table in found["tables"])})


def page(sections: Sequence[Section], folder: Path = RESULTS) -> str:
    results = {section.name: saved(section.name, folder) for section in sections}
    head = HEAD.format(first=sections[0].name, summary=str(summary(sections, results)))
    return "\n".join([head, *(part(section, results[section.name]) for section in sections)])


def summary(sections: Sequence[Section], results: Mapping[str, Result | None]) -> Table:
    """The table of the numbers of aims that each section meets."""
    rows = []
    for section in sections:
        result = results[section.name]
        yes, no = (result.cells("yes"), result.cells("no")) if result else (0, 0)
        said = f"{yes} of {yes + no}" if yes + no else "none set" if result else "not measured yet"
        rows.append((f"[{section.title}](#{anchor(section.title)})", section.name, said))
    return Table(("section", "its name", "aims met"), rows)


def part(section: Section, result: Result | None) -> str:
    lines = [f"## {section.title}\n", section.about.strip() + "\n"]
    if result is None:
        return "\n".join([*lines, "Not measured yet.\n"])
    versions = ", ".join(f"{name} {number}" for name, number in result.versions.items())
    lines += [str(table) for table in result.tables if table.on_page]
    if section.name in REASONS:
        lines.append(REASONS[section.name].strip() + "\n")
    took = f"; measured in {result.minutes:g} minutes" if result.minutes is not None else ""
    lines.append(f"*{result.date}, {result.machine}, {result.threads} threads; {versions}{took}.*\n")
    return "\n".join(lines)


def unexplained(sections: Sequence[Section], folder: Path = RESULTS) -> list[str]:
    """The sections that miss an aim without a reason."""
    found = [(section.name, saved(section.name, folder)) for section in sections]
    return [name for name, result in found if result and result.cells("no") and name not in REASONS]


def anchor(title: str) -> str:
    """The anchor of a heading, as code hosts make it."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def machine() -> str:
    """The processor and the number of cores."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def threads() -> int:
    import torch

    return torch.get_num_threads()
