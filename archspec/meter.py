"""Counts the work of a run in units: the same number on every machine, about a microsecond each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

Kind = Literal[
    "reading", "binding", "sizing", "layers", "values", "nodes", "arithmetic", "suggestions", "diagnostics", "passes", "counting"
]  # fmt: skip
"""The kinds of work."""


class Meter:
    """Counts units of work by kind, and calls `on_due` when `units` reaches `due`."""

    def __init__(self) -> None:
        self.units = 0
        """The units of all kinds."""
        self.spent: dict[Kind, int] = dict.fromkeys(get_args(Kind), 0)
        """The units of each kind."""
        self.due: float = float("inf")
        """The number of units at which `on_due` is called next."""
        self.suggestions = SUGGESTIONS
        """The units that are left for suggestions."""
        self.span: Any = None
        """The last known span."""
        self.use: Any = None
        """The use of a block that this span is in."""

    def charge(self, kind: Kind, units: int, span: Any = None, use: Any = None) -> None:
        """Counts work; `span` and `use` are the place in the spec that causes it, if known."""
        self.spent[kind] += units
        self.units += units
        if span is not None:
            self.span, self.use = span, use
        if self.units >= self.due:
            self.on_due()

    def on_due(self) -> None:
        """Called when `units` reaches `due`; does nothing here."""

    def suggest(self, units: int) -> bool:
        """Takes units for a suggestion; False if too few are left."""
        if units > self.suggestions:
            return False
        self.suggestions -= units
        self.charge("suggestions", units)
        return True


SUGGESTIONS = 300_000
"""The most units that one run spends on suggestions."""

_RUNNING: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def run_metered(meter: Meter) -> Iterator[None]:
    """Charges the work of the body to `meter`."""
    token = _RUNNING.set(meter)
    try:
        yield
    finally:
        _RUNNING.reset(token)


def find_meter() -> Meter:
    """The meter of the current run; outside a run, a new one."""
    return _RUNNING.get() or Meter()


def charge_work(kind: Kind, units: int) -> None:
    """Charges the meter of the current run, if there is one."""
    meter = _RUNNING.get()
    if meter is not None:
        meter.charge(kind, units)
