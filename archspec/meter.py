"""What a run has done so far, in units of work: the same number on every machine, about a microsecond each on a common one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

Kind = Literal[
    "reading", "binding", "sizing", "layers", "values", "nodes", "arithmetic", "suggestions", "diagnostics", "passes", "counting"
]  # fmt: skip
"""What the work was for."""


class Meter:
    """Adds up units of work by their kind. `on_due` is called where `units` comes to `due`."""

    def __init__(self) -> None:
        self.units = 0
        """All of them."""
        self.spent: dict[Kind, int] = dict.fromkeys(get_args(Kind), 0)
        """The units of each kind."""
        self.due: float = float("inf")
        """How many units are done before `on_due` is called."""
        self.suggestions = SUGGESTIONS
        """Units that are left for looking for a word that may have been meant."""
        self.span: Any = None
        """The place that was known last."""
        self.use: Any = None
        """The use of a block that this place is in."""

    def charge(self, kind: Kind, units: int, span: Any = None, use: Any = None) -> None:
        """Counts work, which is done after this or has just been done; `span` and `use` are the place that asks for it, if it is known."""
        self.spent[kind] += units
        self.units += units
        if span is not None:
            self.span, self.use = span, use
        if self.units >= self.due:
            self.on_due()

    def on_due(self) -> None:
        """What is done from time to time; a plain meter only counts."""

    def suggest(self, units: int) -> bool:
        """Takes units for a suggestion, unless too few are left: then there is none."""
        if units > self.suggestions:
            return False
        self.suggestions -= units
        self.charge("suggestions", units)
        return True


SUGGESTIONS = 300_000
"""Units that one run spends on suggestions at the most; each is only a help."""

_RUNNING: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def run_metered(meter: Meter) -> Iterator[None]:
    """Has everything inside charged to `meter`."""
    token = _RUNNING.set(meter)
    try:
        yield
    finally:
        _RUNNING.reset(token)


def find_meter() -> Meter:
    """The meter of the run; outside of one, a new one that only counts."""
    return _RUNNING.get() or Meter()


def charge_work(kind: Kind, units: int) -> None:
    """Charges the meter of the run, if there is one."""
    meter = _RUNNING.get()
    if meter is not None:
        meter.charge(kind, units)
