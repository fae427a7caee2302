"""How far a spec is being read and built, on a terminal, once that takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from archspec.language import Budget, Limits

_SILENT = 1.0
"""Seconds after which the display appears."""


class Display:
    """Shows the units of work that a budget has spent; it appears on standard error after a second."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.progress: Progress | None = None
        self.task: TaskID | None = None

    def __call__(self, budget: Budget) -> None:
        """Shows where the budget is."""
        if self.progress is None:
            if time.monotonic() - self.start < _SILENT:
                return
            self.progress = _bar()
            self.progress.start()
            self.task = self.progress.add_task("compiling", total=budget.most)
        assert self.task is not None
        self.progress.update(self.task, completed=budget.units)

    def close(self) -> None:
        """Takes the display away."""
        if self.progress is not None:
            self.progress.stop()


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    amount = TextColumn("{task.completed:,} of at most {task.total:,} units of work")
    return Progress(TextColumn("{task.description}"), BarColumn(), amount, console=Console(stderr=True), transient=True)


@contextmanager
def watched(limits: Limits) -> Iterator[Budget]:
    """A new budget with these limits, shown while it is spent if standard error is a terminal."""
    from archspec.language import Budget

    display = Display()
    try:
        yield Budget(limits, display if sys.stderr.isatty() else None)
    finally:
        display.close()
