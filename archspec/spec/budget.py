"""Counts the units of work of one compilation, and ends it if they exceed the limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archspec import meter
from archspec.errors import Diagnostic, LimitError
from archspec.spans import Source, Span
from archspec.spec.limits import DEFAULT, Limits

LAYER, NODE, SCOPE, FRAME = 1, 6, 3, 1
"""The units of work for applying a layer, adding a node, opening a region, and opening a frame of named values."""
MORE_NODES = "if it is meant to be that large, raise the limit: --max-nodes, or Limits(nodes=…)"
MORE_WORK = "if it is meant to be that large, raise the limit: --max-nodes, or Limits(work=…)"
_PULSE = 20_000  # units between two calls of `on_due`


class Budget(meter.Meter):
    """The limits of one compilation and the units of work that are spent.

    Everything that a spec can make slow is charged in units that depend on the spec alone. A run that needs more than
    `limits.units` ends in a diagnostic at the span that is charged. `watch` is called with the budget from time to time, for a
    display of progress.

    >>> budget = Budget()
    >>> with budget.running():
    ...     budget.charge("layers", 3)
    >>> budget.units, budget.spent["layers"]
    (3, 3)
    """

    def __init__(self, limits: Limits = DEFAULT, watch: Callable[[Budget], object] | None = None) -> None:
        super().__init__()
        self.limits, self.watch = limits, watch
        self.span = Span(Source("<spec>", ""), 1, 1)
        self.due = self.next_due()

    @staticmethod
    def of(limits: Limits | Budget) -> Budget:
        """`limits` if it is a budget, else a new budget with these limits."""
        return limits if isinstance(limits, Budget) else Budget(limits)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Charges the work of the body to this budget."""
        with meter.run_metered(self):
            yield

    @property
    def most(self) -> int:
        """The units that may be spent."""
        return self.limits.units

    def next_due(self) -> int:
        return self.most + 1 if self.watch is None else min(self.most + 1, self.units + _PULSE)

    def on_due(self) -> None:
        """Calls `watch`. Raises `LimitError` if the budget is spent."""
        if self.units > self.most:
            message = f"the spec takes more than {self.most:,} units of work"
            raise LimitError(Diagnostic(message, self.span, use=self.use, help=MORE_WORK))
        self.due = self.next_due()
        if self.watch is not None:
            self.watch(self)
