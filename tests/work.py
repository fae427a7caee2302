"""Counts the executed lines of Python code, a cost that is the same on every machine.

A test of speed compares two such numbers, for example of a network and of one twice as large. Seconds and bytes depend on the
machine and belong to `benchmarks/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def count_lines(work: Callable[[], object]) -> int:
    """The number of executed lines of `work`; work inside C functions does not count."""
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
