"""Defines the problems of an import: what a model does that no spec can say."""

from __future__ import annotations

from dataclasses import dataclass


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

    def __str__(self) -> str:
        place = f" ({self.line})" if self.line else ""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.module or 'the model'}{place}: {self.message}{times}"

    def as_dict(self) -> dict[str, object]:
        """The problem as plain data, for `--json`."""
        return {"message": self.message, "module": self.module, "line": self.line, "count": self.count}


class ProblemList:
    """Collects problems; those of the same message are one with its count."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, message: str, module: str = "", line: str = "") -> None:
        self._first.setdefault(message, (module, line))
        self._counts[message] = self._counts.get(message, 0) + 1

    def list(self) -> tuple[ImportProblem, ...]:
        """The problems in the order in which they were found."""
        return tuple(ImportProblem(message, *place, self._counts[message]) for message, place in self._first.items())
