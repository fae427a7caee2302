"""What the interpreter is asked for while a network is built: room on its stack, and no search for garbage."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FRAMES = 16  # Python's frames for one layer inside another, at most
_SPARE = 1000  # for the caller and whatever is called at the bottom


@contextmanager
def allow_deep_recursion(levels: int) -> Iterator[None]:
    """Makes room for that many levels, as the limits allow them; frames of Python's own functions take no C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES * levels + _SPARE))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Leaves out the search for cyclic garbage: a graph that grows has none, and to look for it takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
