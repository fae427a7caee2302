"""What a piece of Python costs, as a number that is the same on every machine: the lines that it runs.

A test that something is quick compares two such numbers, of a network and of one twice as large, say. Seconds and bytes are
of one machine; they belong to `benchmarks/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def count_lines(work: Callable[[], object]) -> int:
    """The lines of Python that `work` runs, each as often as it is run; those of loops inside C functions are not seen."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines
