"""Times two ways of doing the same thing in turns, so that what else the machine does hits both."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """One line of the table: seconds of ours and of the peer (medians), and the aim for their ratio."""

    what: str
    peer: str
    ours_seconds: float
    peer_seconds: float
    aim: float

    @property
    def ratio(self) -> float:
        return self.ours_seconds / self.peer_seconds

    def __str__(self) -> str:
        met = "yes" if self.ratio <= self.aim else "no"
        times = f"{shown(self.ours_seconds)} | {shown(self.peer_seconds)}"
        return f"| {self.what} | {self.peer} | {times} | {self.ratio:.2f} | ≤ {self.aim:g} | {met} |"


def compare(what: str, ours: Work, peer_name: str, peer: Work, *, aim: float, rounds: int = 9) -> Ratio:
    """Runs both once to warm up, then `rounds` times in turns, and takes the medians."""
    ours()
    peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for index in (0, 1) if turn % 2 else (1, 0):
            seconds[index].append(timed((ours, peer)[index]))
    result = Ratio(what, peer_name, statistics.median(seconds[0]), statistics.median(seconds[1]), aim)
    print(result, flush=True)
    return result


def timed(work: Work) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def process(*arguments: str) -> Work:
    """A whole Python process with these arguments."""

    def work() -> None:
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)

    return work


def shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
