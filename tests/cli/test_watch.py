"""Progress of a long compilation is only shown on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archspec import Budget, Limits
from archspec.cli import watch
from archspec.cli.console import find_screen
from archspec.cli.progress import PlainProgress
from tests.hostile import stages

TURNS = stages("{repeat: {times: channels * 10000, layers: [identity]}}")


def test_the_display_appears_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(watch, "make_progress", lambda: PlainProgress(find_screen(err=True)))
    monkeypatch.setattr("time.monotonic", lambda: now)
    display = watch.Display()
    budget = Budget()
    now = 100.9
    display(budget)
    assert display.progress is None
    now = 101.1
    budget.charge("layers", 1234)
    display(budget)
    assert display.progress is not None
    assert isinstance(display.progress, PlainProgress)
    (task,) = display.progress._tasks
    assert (task["completed"], task["total"]) == (1234, 2_000_000)
    display.close()


def test_nobody_watches_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with watch.watch_budget(Limits(nodes=7)) as budget:
        assert budget.watch is None
        assert budget.limits.nodes == 7
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with watch.watch_budget(Limits()) as budget:
        assert isinstance(budget.watch, watch.Display)


PROGRAM = """
import sys
from archspec.cli import watch
from archspec.cli.console import find_screen
from archspec.cli.progress import PlainProgress
watch._SILENT = 0.0
from archspec.cli.commands import archspec
archspec(["check", sys.argv[1]])
"""


def test_a_terminal_shows_the_units(tmp_path: Path) -> None:
    (tmp_path / "turns.yaml").write_text(TURNS, encoding="utf-8")
    reader, terminal = os.openpty()
    try:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, "turns.yaml"],
            cwd=tmp_path,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=terminal,
            check=True,
        )
        shown = os.read(reader, 100_000).decode()
    finally:
        os.close(terminal)
        os.close(reader)
    assert run.stdout == b"1 checked, none wrong\n"
    assert "/2000000" in shown
    assert "units of work" in shown
