"""Collects the mistakes of an elaboration, each once."""

from __future__ import annotations

from archspec.errors import MOST, Diagnostic, LimitError, SpecError, merge_diagnostics
from archspec.spans import Span, Use
from archspec.spec.budget import Budget

_REPORT = 50  # units of work for one mistake
_USE = 4  # uses of blocks on the way to a mistake that cost one unit

Trail = tuple[Span, ...]


class Mistakes:
    """The diagnostics of one elaboration, at most a hundred.

    A mistake is reported once for the same text at the same span, and once for the same span through the same uses of blocks, as in
    each turn of an iterator.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.found: list[Diagnostic] = []
        self._texts: set[tuple[str, Span]] = set()
        self._places: set[tuple[Span, Trail]] = set()

    def report(self, error: SpecError) -> None:
        """Adds the diagnostics of an error. Raises `LimitError` when there are a hundred."""
        places: set[tuple[Span, Trail]] = set()
        for diagnostic in error.diagnostics:
            trail = _use_spans(diagnostic.use)
            self.budget.charge("diagnostics", _REPORT + len(trail) // _USE, diagnostic.span, diagnostic.use)
            place, text = (diagnostic.span, trail), (diagnostic.message, diagnostic.span)
            if place not in self._places and text not in self._texts:
                self.found.append(diagnostic)
            self._texts.add(text)
            places.add(place)
            if len(self.found) >= MOST:
                raise LimitError
        self._places |= places

    def ended(self, error: LimitError) -> LimitError:
        """A `LimitError` with all mistakes so far and the limit that ended the run."""
        return LimitError(*merge_diagnostics([*self.found, *error.diagnostics]))

    def raise_if_any(self) -> None:
        if self.found:
            raise SpecError(*merge_diagnostics(self.found))


def _use_spans(use: Use | None) -> Trail:
    return tuple(enclosing.span for enclosing in use.enclosing_uses()) if use is not None else ()
