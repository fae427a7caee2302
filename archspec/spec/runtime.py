"""Sets Python's recursion limit and garbage collection for a compilation."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FRAMES = 16  # the most Python frames for one nested layer
_SPARE = 1000  # frames for the caller and for the innermost calls


@contextmanager
def allow_deep_recursion(levels: int) -> Iterator[None]:
    """Raises the recursion limit for that many nested layers; calls between Python functions take no C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES * levels + _SPARE))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Disables the cyclic garbage collector, which finds nothing in a growing graph and takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
