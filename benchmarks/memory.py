"""Measures peak memory in a process of its own."""

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
    """The most bytes by which the resident memory of this process grows during `work`.

    Linux keeps the peak of resident pages, which is reset before. Needs Linux and glibc.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # returns freed memory, whose reuse would not be seen
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
    """The peak bytes of a Python process with these arguments.

    A small process starts it, because the memory of a large parent would count for its child.
    """
    child = (
        "import os, subprocess, sys; "
        "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "_, status, usage = os.wait4(child.pid, 0); "
        "print(usage.ru_maxrss); sys.exit(os.waitstatus_to_exitcode(status))"
    )
    return 1024 * int(answer("-c", child, sys.executable, *arguments))


def main() -> None:
    """Prints the memory of one training step: `python -m benchmarks.memory KEY BATCH`."""
    from benchmarks.training import MODELS, step

    key, batch = sys.argv[1], int(sys.argv[2])
    model, images = MODELS[key]()
    print(json.dumps(growth(lambda: step(model, images(batch)))))


if __name__ == "__main__":
    main()
