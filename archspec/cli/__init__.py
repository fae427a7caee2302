"""The command `archspec`: reads the command line, prints what the compiler says, sets the exit code. It decides nothing.

Exit codes: 0 fine, 1 the spec is wrong (or what it describes comes to no finite numbers), 2 the command line is wrong (or cannot
be carried out on this machine), 130 interrupted, 141 the reader of the output went away, 143 terminated in training.
"""

from __future__ import annotations

import gc

from archspec.cli.errors import INTERRUPTED


def main() -> None:
    """Runs the command line of this process and ends the process."""
    try:
        from archspec.cli.commands import archspec

        archspec(prog_name="archspec")
    except KeyboardInterrupt:  # outside a command, where click does not see it
        raise SystemExit(INTERRUPTED) from None
    finally:
        gc.freeze()  # the interpreter would look through all that torch has made for what may go, at the end of the process
