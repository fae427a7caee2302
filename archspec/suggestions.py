"""Finds the nearest known word for an unknown one, for `help:`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

from archspec import meter

_LISTED = 12  # the most names that are all listed
_COMPARED = 1000  # the most words that are compared


def find_nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that is nearest to `word`, or None if none is near.

    All suggestions of one run share `meter.SUGGESTIONS` units of work; when these are spent, the result is None.
    """
    if len(word) > 60:
        return None
    alike = (other for other in words if abs(len(other) - len(word)) <= max(3, len(word)))
    compared = list(islice(alike, _COMPARED))
    if not meter.find_meter().suggest(sum(_comparison_work(word, other) for other in compared)):
        return None
    close = difflib.get_close_matches(word.lower(), compared, n=1, cutoff=0.6)
    return close[0] if close else None


def _comparison_work(word: str, other: str) -> int:
    """The units of work for comparing two words with difflib."""
    return 3 + len(word) * len(other) // 6


def suggest_nearest(word: str, words: Iterable[str]) -> str | None:
    """A `help:` text that names the nearest of `words`; None if none is near."""
    close = find_nearest(word, words)
    return f"did you mean {close!r}?" if close is not None else None


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    """A `help:` text that names the nearest of `words`, or else all of them, or some and their number if there are many.

    None if there are no words, or if the units for suggestions are spent.

    >>> did_you_mean("kernal", ["out", "kernel"])
    "did you mean 'kernel'?"
    >>> did_you_mean("x", ["out", "kernel"])
    'there is out, kernel'
    """
    account = meter.find_meter()
    known: dict[str, None] = {}
    for other in words:
        if not account.suggest(1):
            return None
        known[other] = None
    close = suggest_nearest(word, known)
    if close is not None or not known:
        return close
    if len(known) <= _LISTED:
        return f"there is {', '.join(known)}"
    if not account.suggest(sum(map(len, known))):
        return None
    letters, order = set(word.lower()), {other: position for position, other in enumerate(known)}
    alike = sorted(known, key=lambda other: (-len(letters & set(other.lower())), order[other]))
    return f"there are {len(known)}, among them {', '.join(alike[: _LISTED // 2])}"
