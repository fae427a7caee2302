"""Defines the problems of an import: what a model does that no spec can say."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """What is missing, the first module that needs it, the line of Python, and how often.

    >>> print(ImportProblem("torch.fft is no op of the language", "block.mixer", "model.py:12", 3))
    block.mixer (model.py:12): torch.fft is no op of the language (3 times)
    """

    message: str
    module: str
    """The name of the module; empty for the model itself."""
    line: str
    """The file and line of the call: `model.py:12`."""
    count: int = 1
    help: str = ""
    """What to do about it, if something is known to help."""

    def __str__(self) -> str:
        place = f" ({self.line})" if self.line else ""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.module or 'the model'}{place}: {self.message}{times}"

    def as_dict(self) -> dict[str, object]:
        """The problem as plain data, for `--json`."""
        facts = {"message": self.message, "module": self.module, "line": self.line, "count": self.count}
        return facts | ({"help": self.help} if self.help else {})


class ProblemList:
    """Collects problems; those of the same message are one with its count."""

    def __init__(self) -> None:
        self._problems: dict[str, ImportProblem] = {}

    def add(self, message: str, module: str = "", line: str = "", help: str = "") -> None:
        known = self._problems.get(message)
        first = known or ImportProblem(message, module, line, 0, help)
        self._problems[message] = replace(first, count=first.count + 1)

    def list(self) -> tuple[ImportProblem, ...]:
        """The problems in the order in which they were found."""
        return tuple(self._problems.values())
