"""Runs Python and the command line as processes in a fixed environment.

They have the environment of the tests (see `conftest.py`), use UTF-8, and have an empty standard input.
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
    """Runs Python with these arguments; `env` is added to the environment of the tests."""
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
    """Runs the command line with these arguments."""
    return run_python("-m", "archspec", *arguments, env=env)


def start_archspec(*arguments: object, interrupt: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[bytes]:
    """Starts the command line with these arguments, and pipes for its standard streams.

    Signals have their default handling, even if the tests run under `nohup` or in the background of a shell, where SIGHUP and SIGINT
    are ignored; `interrupt` is the handling of SIGINT.
    """
    start = _WITH_SIGNALS.format(interrupt=int(interrupt))
    command = [sys.executable, "-c", start, "-m", "archspec", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(None))


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    return os.environ | dict(more or {})


def open_endless_pipe(path: Path, content: bytes) -> threading.Thread:
    """Makes a named pipe into which the same bytes are written until its reader closes it; returns the writing thread."""
    os.mkfifo(path)

    def pour() -> None:
        with path.open("wb", buffering=0) as file, suppress(BrokenPipeError):
            while True:
                file.write(content)

    writer = threading.Thread(target=pour, daemon=True)
    writer.start()
    return writer
