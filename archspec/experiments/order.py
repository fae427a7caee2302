"""Compares orders of the same items."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations


def kendall_tau(before: Sequence[Hashable], after: Sequence[Hashable]) -> float:
    """Kendall's rank correlation of two orders of the same distinct items: 1 for equal ones, -1 for reversed ones.

    It is the share of concordant pairs minus the share of discordant pairs; 1 for fewer than two items.

    >>> kendall_tau("abc", "abc"), kendall_tau("abc", "cba")
    (1.0, -1.0)
    """
    place = {thing: index for index, thing in enumerate(after)}
    if len(place) != len(after) or place.keys() != set(before):
        raise ValueError("the orders are not of the same distinct things")
    pairs = list(combinations(before, 2))
    same = sum(1 for first, second in pairs if place[first] < place[second])
    return (2 * same - len(pairs)) / len(pairs) if pairs else 1.0
