"""Progress bars on standard error, where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def bars() -> Progress:
    """A display for bars; a task may have a `note`."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    note = TextColumn("{task.fields[note]}")
    return Progress(*columns, note, console=console, transient=True, disable=not console.is_terminal)


def track(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Gives the items, with a bar."""
    with bars() as progress:
        task = progress.add_task(what, total=len(items), note="")
        for item in items:
            yield item
            progress.advance(task)
