"""Python and the command line as processes of their own, whatever the process that runs the tests was started with.

They have the environment of the tests (see `conftest.py`), their texts are UTF-8, and nothing is waiting on their standard input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent

_WITH_SIGNALS = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, {interrupt})
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def run_python(
    *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """A Python process with these arguments, at its end; `env` is added to the environment of the tests."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=cwd,
        env=_environment(env),
        timeout=timeout,
    )


def run_archspec(*arguments: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line with these arguments, at its end."""
    return run_python("-m", "archspec", *arguments, env=env)


def start_archspec(*arguments: object, interrupt: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[bytes]:
    """The command line with these arguments, under way, with pipes for its standard input, output and error.

    Signals end it as they do in a terminal, also where the tests run under `nohup` or in the background of a shell, which
    ignore SIGHUP and SIGINT for all that they start; `interrupt` is what SIGINT does.
    """
    start = _WITH_SIGNALS.format(interrupt=int(interrupt))
    command = [sys.executable, "-c", start, "-m", "archspec", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(None))


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    return os.environ | dict(more or {})


def open_endless_pipe(path: Path, content: bytes) -> threading.Thread:
    """Makes a named pipe into which the same bytes are written again and again, until its reader closes it; gives the writer."""
    os.mkfifo(path)

    def pour() -> None:
        with path.open("wb", buffering=0) as file, suppress(BrokenPipeError):
            while True:
                file.write(content)

    writer = threading.Thread(target=pour, daemon=True)
    writer.start()
    return writer
