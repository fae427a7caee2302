"""Runs demonstrations: commands and Python, whose output is compared with what a verdict rests on."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec

from archspec.claims.book import Claim, Demonstration

RunCommand = Callable[[str], str]
"""Runs a command line of archspec and returns its output."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a demonstration printed, and which texts of its `find` were missing from it."""

    demonstration: Demonstration
    output: str
    missing: tuple[str, ...]


def demonstrate(demonstration: Demonstration, run_command: RunCommand) -> Shown:
    """The output of a demonstration, and what is missing in it."""
    if demonstration.run is not None:
        output = run_command(demonstration.run)
    else:
        output = _run_python(str(demonstration.python))
    words = " ".join(output.split())
    return Shown(demonstration, output, tuple(text for text in demonstration.find if text not in words))


def list_missing_packages(claim: Claim) -> list[str]:
    """The optional packages that a claim needs and that are not installed."""
    needed = dict.fromkeys(name for demonstration in claim.show for name in demonstration.needs)
    return [name for name in needed if find_spec(name) is None]


def _run_python(code: str) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "<claim>", "exec"), {"__name__": "claim"})  # noqa: S102 - a text of this package
    return printed.getvalue()
