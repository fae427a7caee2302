"""The command `archspec`: reads the command line, prints what the compiler says, sets the exit code. It decides nothing.

Exit codes: 0 fine, 1 the spec is wrong (or what it describes comes to no finite numbers), 2 the command line is wrong (or cannot
be carried out on this machine), 130 interrupted, 141 the reader of the output went away, 143 ended by SIGTERM.
"""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType
from typing import NoReturn

from archspec.cli.console import INTERRUPTED

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_GC_THRESHOLDS = 200_000, 20, 20  # a start makes no cyclic garbage; to look for some would take a tenth of it


def main() -> None:
    """Runs the command line of this process and ends the process."""
    gc.set_threshold(*_GC_THRESHOLDS)
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # under nohup, SIGHUP stays ignored
            signal.signal(number, _end)
    try:
        from archspec.cli.commands import archspec

        archspec(prog_name="archspec")
    except KeyboardInterrupt:  # outside a command, where click does not see it
        raise SystemExit(INTERRUPTED) from None
    finally:
        gc.freeze()  # the interpreter would look through all that torch has made for what may go, at the end of the process


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Ends the process as an exception does: temporary files are removed on the way."""
    sys.exit(128 + number)
