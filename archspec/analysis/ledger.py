"""Compares the counts that others publish of a network with its own."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.analysis.printed_number import parse_printed_number
from archspec.spec.ledger import Published


def find_differences(published: Mapping[str, Published], counts: Mapping[str, int]) -> list[str]:
    """The names of published counts that are not the network's: a printed number covers all counts that round to it.

    >>> find_differences({"params": "25.6 M", "work": "4.089 G", "depth": 50}, {"params": 25557032, "work": 4111512576, "depth": 50})
    ['work']
    """
    return [name for name, count in published.items() if not agrees(count, counts[name])]


def agrees(published: Published, count: int) -> bool:
    """Whether a count is the published one, to its last printed digit.

    >>> agrees("4.089 G", 4089184256), agrees(4089000000, 4089184256)
    (True, False)
    """
    return published == count if isinstance(published, int) else parse_printed_number(published).covers(count)
