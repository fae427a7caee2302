"""Divides a sequence of work into consecutive groups so that the largest group is as small as possible."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf

SLACK = 21, 20
"""The largest group may exceed the least possible by a twentieth, for cheaper cuts."""


def find_bottleneck(sums: Sequence[float], groups: int) -> float:
    """The least possible size of the largest of `groups` groups. Exact if the sums are.

    `sums` are the cumulative sums of the work at each cut point, including the start (0) and the end. There must be at least as many
    pieces as groups.
    """
    best = list(sums)
    for count in range(2, groups + 1):
        best = _add_group(sums, best, count)
    return best[-1]


def _add_group(sums: Sequence[float], best: list[float], count: int) -> list[float]:
    """The least bottleneck of `count` groups up to each cut point, from that of one group fewer.

    The earlier the last group starts, the larger it is and the smaller are those before it. The best start is where the two are
    closest, and it moves forward with the end.
    """
    bottlenecks, start = [inf] * len(sums), count - 1
    for end in range(count, len(sums)):
        while start + 1 < end and best[start] < sums[end] - sums[start]:
            start += 1
        starts = (start - 1, start) if start >= count else (start,)
        bottlenecks[end] = min(max(best[first], sums[end] - sums[first]) for first in starts)
    return bottlenecks


def choose_cuts(sums: Sequence[float], prices: Sequence[int], groups: int) -> list[int]:
    """The cheapest cuts into `groups` groups whose largest is within `SLACK` of the least possible.

    `prices` are those of the cut points between the ends; the result has their indices.
    """
    over, under = SLACK
    most = over * find_bottleneck(sums, groups)
    paid: list[float] = [0, *[inf] * (len(sums) - 1)]
    starts: list[list[int]] = []
    for _ in range(groups):
        came, now = [0] * len(sums), [inf] * len(sums)
        window: deque[int] = deque()
        for end in range(1, len(sums)):
            while window and paid[window[-1]] >= paid[end - 1]:
                window.pop()
            window.append(end - 1)
            while under * (sums[end] - sums[window[0]]) > most:
                window.popleft()
            came[end] = window[0]
            now[end] = paid[window[0]] + (prices[end - 1] if end <= len(prices) else 0)
        paid = now
        starts.append(came)
    return _trace_cuts(starts)


def _trace_cuts(starts: list[list[int]]) -> list[int]:
    """The cut points on the best way to the end."""
    position, chosen = len(starts[0]) - 1, list[int]()
    for came in reversed(starts[1:]):
        position = came[position]
        chosen.append(position - 1)
    return chosen[::-1]
