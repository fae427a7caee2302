"""Shows progress on a terminal's standard error, as bars or as one line that is overwritten."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, Self, TypeVar, cast

from archspec.cli.console import Screen, find_screen
from archspec.columns import shorten_cell

Item = TypeVar("Item")

_AGAIN = 0.1  # seconds between updates of a line


class Progress(Protocol):
    """The part of rich's interface that both displays have."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> object: ...
    def add_task(self, description: str, *, total: float, completed: int = 0, note: str = "") -> Any: ...
    def update(self, task: Any, *, completed: float = ..., note: str = ...) -> None: ...
    def advance(self, task: Any) -> None: ...


def make_progress() -> Progress:
    """A display of progress, whose tasks may have a `note`. It shows nothing if standard error is no terminal."""
    target = find_screen(err=True)
    if target.isatty() and target.coloured:
        from archspec.cli.bars import draw_bars

        return cast(Progress, draw_bars(target))
    return PlainProgress(target)


def track_progress(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Yields the items and shows how many are done."""
    with make_progress() as progress:
        task = progress.add_task(description, total=len(items), note="")
        for item in items:
            yield item
            progress.advance(task)


class PlainProgress:
    """One line that is overwritten, for a terminal without escape sequences."""

    def __init__(self, target: Screen) -> None:
        self._target = target
        self._shown = target.isatty()
        self._tasks: list[dict[str, Any]] = []
        self._last, self._next = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last:
            self._target.put("\r" + " " * self._last + "\r")

    def add_task(self, description: str, *, total: float, completed: int = 0, note: str = "") -> int:
        self._tasks.append({"description": description, "total": total, "completed": completed, "note": note})
        return len(self._tasks) - 1

    def update(self, task: int, **changed: Any) -> None:
        self._tasks[task] |= changed
        self._show(self._tasks[task], now="note" in changed)

    def advance(self, task: int) -> None:
        self._tasks[task]["completed"] += 1
        self._show(self._tasks[task])

    def _show(self, task: dict[str, Any], *, now: bool = False) -> None:
        if not self._shown or (not now and time.monotonic() < self._next):
            return
        text = self._target.text("{description} {completed}/{total} {note}".format(**task).rstrip())
        line = shorten_cell(text, (self._target.width or 80) - 1, self._target.text("…"))
        self._target.put("\r" + line.ljust(self._last))
        self._last, self._next = len(line), time.monotonic() + _AGAIN
