"""Rules for the tests, the sample of `make test`, and `.ci/run`."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from archspec.ir.graph import Graph
from tests.processes import ROOT, run_python
from tests.sample import SMALL, bundled, representatives, small
from tests.work import count_lines

TESTS = ROOT / "tests"
METERS = {
    *("perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "monotonic", "monotonic_ns", "thread_time"),
    *(
        "timeit",
        "clock_gettime",
        "getrusage",
        "tracemalloc",
        "psutil",
        "ru_maxrss",
        "max_memory_allocated",
        "memory_allocated",
    ),
}
"""Names of clocks and memory meters in any module; `time` only as `time.time`."""
MEASURED_ELSEWHERE = {"test_gpu.py": "of one card, memory with an option beside memory without it"}
"""Files that measure, and why."""


def meters(code: str) -> Iterator[tuple[int, str]]:
    """The lines at which a module names a clock or a meter of memory."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in METERS:
                yield node.lineno, name
            case ast.Attribute(value=ast.Name(id="time"), attr="time"):
                yield node.lineno, "time"
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                taken = METERS | ({"time"} if isinstance(node, ast.ImportFrom) and node.module == "time" else set())
                yield from ((node.lineno, alias.name) for alias in names if alias.name in taken)


@pytest.mark.parametrize(
    "code",
    ["import time\nstart = time.perf_counter()", "from time import time", "import tracemalloc", "x = time.time()",
     "import resource\nresource.getrusage(0)", "from timeit import timeit as t", "torch.cuda.max_memory_allocated()"],
)  # fmt: skip
def test_meters_are_found(code: str) -> None:
    assert list(meters(code))


def test_no_test_measures_seconds_or_bytes() -> None:
    """They depend on the machine. A test counts work (`tests/work.py`); time is measured in `benchmarks/`."""
    files = [file for file in TESTS.rglob("*.py") if file.name not in {*MEASURED_ELSEWHERE, Path(__file__).name}]
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files
        for line, name in meters(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_lines_are_counted_as_often_as_they_are_run() -> None:
    def loop(times: int) -> None:
        for _ in range(times):
            len("a")

    assert count_lines(lambda: loop(100)) - count_lines(lambda: loop(50)) == 100
    assert count_lines(lambda: [len("a") for _ in range(100)]) >= 100


def pairs(network: Graph) -> set[tuple[str, str]]:
    """The pairs of producer and consumer words, including the outputs."""
    makers: defaultdict[object, str] = defaultdict(lambda: "input")
    makers |= {output: node.op.word for node in network.ops for output in node.outputs}
    read = {(makers[value], node.op.word) for node in network.ops for value in node.inputs}
    return read | {(makers[value], "output") for value in network.outputs.values()}


@pytest.mark.slow
def test_the_representatives_have_every_pair_of_ops_of_the_zoo() -> None:
    represented = set().union(*(pairs(bundled(name).graph) for name in representatives()))
    for name in archspec.bundled():
        assert pairs(bundled(name).graph) <= represented, name


@pytest.mark.slow
def test_the_sample_has_every_op_of_the_zoo() -> None:
    sample = set().union(*(words(small(name).graph) for name in SMALL))
    assert set().union(*(words(bundled(name).graph) for name in representatives())) == sample


def words(network: Graph) -> set[str]:
    return {node.op.word for node in network.ops}


def test_every_target_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    assert re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE) == targets


def test_what_ci_runs_is_what_readme_says_and_the_rest_within_its_time() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"make (\S+)", script.partition("set -euo")[2]) == ["test", "test-slow", "lint"]
    limits = re.findall(r"timeout (?:--\S+ )?(\d+)(m?) ", script)
    assert sum(int(number) * (60 if minutes else 1) for number, minutes in limits) <= 90 * 60


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        (
            ["== 5 passed, 2 skipped, 7 deselected in 3.50s ==", "x\n1 failed, 6 passed, 5 deselected, 1 warning in 61.25s (0:01:01)"],
            "1 failed, 11 passed, 2 skipped, 1 warning in 64.75s",
        ),
        (["== 2 errors in 1.00s ==", "== 1 passed, 1 xfailed, 1 error in 1.00s =="], "1 passed, 1 xfailed, 3 errors in 2.00s"),
        (["== 5 passed in 3.50s ==", "Killed"], "the tests did not finish"),
    ],
)  # fmt: skip
def test_the_last_word_of_ci_is_of_both_runs(logs: list[str], said: str, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.log" for number in range(len(logs))]
    for file, log in zip(files, logs, strict=True):
        file.write_text(log, encoding="utf-8")
    done = run_python(ROOT / ".ci" / "closing_line.py", *files)
    assert (done.stdout, done.returncode) == (f"{said}\n", said == "the tests did not finish")
