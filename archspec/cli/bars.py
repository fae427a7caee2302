"""Progress bars, drawn by rich."""

from __future__ import annotations

import sys
from typing import IO, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from archspec.cli.console import Screen
from archspec.printable import replace_unencodable


class Words(ProgressColumn):
    """A column with a task's description or note as plain text, without rich's markup."""

    def __init__(self, target: Screen, field: str) -> None:
        super().__init__()
        self._target, self._field = target, field

    def render(self, task: Task) -> Text:
        words = task.description if self._field == "description" else task.fields[self._field]
        return Text(self._target.text(words))


class _Drawn(Screen):
    """A screen that lets rich's escape sequences through."""

    def write(self, text: str) -> int:
        self.put(replace_unencodable(text, getattr(self.stream, "encoding", None) or "utf-8"))
        return len(text)


def draw_bars(target: Screen) -> Progress:
    """A display of progress bars on a terminal."""
    console = Console(file=cast("IO[str]", _Drawn(target.stream, "standard error")), force_terminal=True)
    columns = (Words(target, "description"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(
        *columns, Words(target, "note"), console=console, transient=True, redirect_stdout=sys.stdout.isatty()
    )
