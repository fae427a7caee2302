"""The memory that one thing needs, measured in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import answer

HERE = Path("/proc/self")


def growth(work: Callable[[], object]) -> int:
    """Bytes by which the memory that this process holds grows at most while something is done.

    Linux keeps the highest number of resident pages, and begins anew when it is asked to: nothing is sampled. Needs Linux and
    glibc.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free but still held would be used first, and not be seen
    (HERE / "clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    work()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """A field of this process's status, in bytes."""
    lines = (HERE / "status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])


def of_process(*arguments: str) -> int:
    """The most bytes that a Python process with these arguments holds.

    A small process starts it: what a large one holds would count for its child.
    """
    child = (
        "import os, subprocess, sys; "
        "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "_, status, usage = os.wait4(child.pid, 0); "
        "print(usage.ru_maxrss); sys.exit(os.waitstatus_to_exitcode(status))"
    )
    return 1024 * int(answer("-c", child, sys.executable, *arguments))


def main() -> None:
    """Prints what one training step takes: `python -m benchmarks.memory KEY BATCH`."""
    from benchmarks.training import MODELS, step

    key, batch = sys.argv[1], int(sys.argv[2])
    model, images = MODELS[key]()
    print(json.dumps(growth(lambda: step(model, images(batch)))))


if __name__ == "__main__":
    main()
