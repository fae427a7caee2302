"""Runs the command `archspec`: parses the command line, calls the library, prints results and sets the exit code.

Exit codes: 0 success, 1 the spec has errors (or the network gives numbers that are not finite), 2 the command line is wrong (or
cannot be carried out on this machine), 130 interrupted, 141 the reader of the output is gone, 143 ended by SIGTERM.
"""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType
from typing import NoReturn

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_GC_THRESHOLDS = 200_000, 20, 20  # imports leave no cyclic garbage; collections during a start take up to a tenth of it


def main() -> None:
    """Runs the command line of this process and exits."""
    gc.set_threshold(*_GC_THRESHOLDS)
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # under nohup, SIGHUP stays ignored
            signal.signal(number, _end)
    try:
        from archspec.cli.commands import archspec

        archspec(prog_name="archspec")
    except KeyboardInterrupt:  # outside a command, where click does not handle it
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        gc.freeze()  # saves the garbage collection of torch's objects at exit


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Exits by an exception, so that temporary files are removed."""
    sys.exit(128 + number)
