"""The budget of one run: ends it where it takes too much work, and lets someone watch until then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archspec import meter
from archspec.errors import Diagnostic, LimitError
from archspec.spans import Source, Span
from archspec.spec.limits import DEFAULT, Limits

LAYER, NODE, SCOPE, FRAME = 1, 6, 3, 1
"""The units of work of a layer that is applied, of a node that it makes, of a region, of a list with names of its own."""
MORE_NODES = "if it is meant to be that large, raise the limit: --max-nodes, or Limits(nodes=…)"
MORE_WORK = "if it is meant to be that large, raise the limit: --max-nodes, or Limits(work=…)"
_PULSE = 20_000  # units between two looks at the clock


class Budget(meter.Meter):
    """What one spec may ask for, and how much of it is spent.

    Whatever a spec can make slow is charged here, in units that depend on the spec alone. A run that would need more than
    `limits.units` ends in a diagnostic at the place that asks for it. `watch`, if there is one, is called with the budget from
    time to time, for a display of progress.

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
        """A budget itself, or a new one with these limits."""
        return limits if isinstance(limits, Budget) else Budget(limits)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Charges everything inside to this budget."""
        with meter.run_metered(self):
            yield

    @property
    def most(self) -> int:
        """The units that may be spent."""
        return self.limits.units

    def next_due(self) -> int:
        return self.most + 1 if self.watch is None else min(self.most + 1, self.units + _PULSE)

    def on_due(self) -> None:
        """Ends the run where the budget is spent, and lets `watch` see how far it is."""
        if self.units > self.most:
            message = f"the spec takes more than {self.most:,} units of work"
            raise LimitError(Diagnostic(message, self.span, use=self.use, help=MORE_WORK))
        self.due = self.next_due()
        if self.watch is not None:
            self.watch(self)
