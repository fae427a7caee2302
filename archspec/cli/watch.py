"""Shows on a terminal how much of a spec is compiled, if that takes longer than a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archspec import Budget, Limits
from archspec.cli.console import find_screen
from archspec.cli.progress import Progress, make_progress

_SILENT = 1.0
"""Seconds after which the display appears."""


class Display:
    """Shows the units of work that a budget has spent, on standard error after a second."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.progress: Progress | None = None
        self.task: Any = None

    def __call__(self, budget: Budget) -> None:
        """Updates the display."""
        if self.progress is None:
            if time.monotonic() - self.start < _SILENT:
                return
            self.progress = make_progress().__enter__()
            self.task = self.progress.add_task("compiling", total=budget.most, note="units of work at most")
        self.progress.update(self.task, completed=budget.units)

    def close(self) -> None:
        """Removes the display."""
        if self.progress is not None:
            self.progress.__exit__(None, None, None)


@contextmanager
def watch_budget(limits: Limits) -> Iterator[Budget]:
    """A new budget with these limits; its progress is shown if standard error is a terminal."""
    display = Display()
    try:
        yield Budget(limits, display if find_screen(err=True).isatty() else None)
    finally:
        display.close()
