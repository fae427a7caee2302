"""Times several ways to do the same in turns, so that other load on the machine affects all of them."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """One line of a table: the seconds or bytes of ours and of the peer, and the aim for their ratio."""

    what: str
    peer: str
    ours: float
    theirs: float
    aim: float | None = None
    bytes: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def met(self) -> str:
        """Whether the printed ratio, rounded to a hundredth, meets the aim."""
        return "–" if self.aim is None else "yes" if round(self.ratio, 2) <= self.aim else "no"

    @property
    def cells(self) -> tuple[str, ...]:
        show = megabytes if self.bytes else shown
        aim = "–" if self.aim is None else f"≤ {self.aim:g}"
        return self.what, self.peer, show(self.ours), show(self.theirs), f"{self.ratio:.2f}", aim, self.met


RATIO = ("what", "peer", "archspec", "peer", "ratio", "aim", "met")
"""The head of a table of ratios."""


def compare(
    what: str, ours: Work, peer_name: str, peer: Work, *, aim: float | None = None, rounds: int = 9
) -> tuple[str, ...]:
    """The line for two ways, timed in turns: medians, their ratio, the aim."""
    seconds = medians({"ours": ours, "peer": peer}, rounds)
    return Ratio(what, peer_name, seconds["ours"], seconds["peer"], aim).cells


def medians(works: Mapping[str, Work], rounds: int) -> dict[str, float]:
    return {name: statistics.median(seconds) for name, seconds in turns(works, rounds).items()}


REST = 0.1
"""Seconds before each timing, because the threads of the library that ran before stay busy for a while."""


def turns(
    works: Mapping[str, Work], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Runs all once to warm up, then `rounds` times in turns; each round starts with another one, and every second is reversed."""
    for work in works.values():
        work()
    gc.collect()
    gc.freeze()  # shortens the collections between the turns
    names = list(works)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    try:
        for turn in range(rounds):
            start = turn % len(names)
            order = names[start:] + names[:start]
            for name in reversed(order) if turn % 2 else order:
                time.sleep(REST)
                seconds[name].append(timed(works[name], clock))
    finally:
        gc.unfreeze()
    return seconds


def timed(work: Work, clock: Callable[[], float] = time.perf_counter) -> float:
    gc.collect()
    start = clock()
    work()
    return clock() - start


def process(*arguments: str, **variables: str) -> Work:
    """A whole Python process with these arguments and environment variables, with cached bytecode as in an installation."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | variables

    def work() -> None:
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=env)

    return work


def answer(*arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """The JSON that a Python process with these arguments prints on its last line."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def megabytes(count: float) -> str:
    return f"{count / 2**20:,.0f} MiB"
