"""Prints the closing lines of several runs of pytest as one, in pytest's words: `closing_line.py LOG...`.

What one run leaves out and another one runs is neither twice nor missing: `deselected` is not counted. Exits with 1 where a
log has no closing line.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

_CLOSING = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+) in ([\d.]+)s", re.MULTILINE)
_ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warning", "error")


def closing_line(logs: list[str]) -> str | None:
    """The counts of all logs added up, or None where one has no closing line."""
    counts: Counter[str] = Counter()
    seconds = 0.0
    for log in logs:
        found = _CLOSING.findall(log)
        if not found:
            return None
        words, time = found[-1]
        counts.update({word.removesuffix("s"): int(count) for count, word in re.findall(r"(\d+) ([a-z]+)", words)})
        seconds += float(time)
    said = [f"{counts[word]} {_plural(word, counts[word])}" for word in _ORDER if counts[word]]
    return f"{', '.join(said) or 'no tests ran'} in {seconds:.2f}s"


def _plural(word: str, count: int) -> str:
    return f"{word}s" if word in {"warning", "error"} and count != 1 else word


if __name__ == "__main__":
    line = closing_line([Path(log).read_text(encoding="utf-8", errors="replace") for log in sys.argv[1:]])
    print(line or "the tests did not finish")
    sys.exit(line is None)
