"""Handles SIGINT and SIGTERM for work that is interrupted only between two steps."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from archspec.cli.console import print_lines

_ECHO = 2.0  # seconds in which torchrun passes a signal on
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Stop:
    """Records a signal that asks to stop. While `deferred`, the work itself polls it and stops where it can be resumed."""

    signal: int | None = None
    deferred: bool = False
    _received: float | None = None

    def __call__(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        return 128 + (self.signal or signal.SIGINT)

    def _is_echo(self) -> bool:
        """Whether a signal is the first one once more: a terminal gives it to all processes, and so does `torchrun`."""
        now, before = time.monotonic(), self._received
        if before is None:
            self._received = now
        return self.deferred and before is not None and now - before < _ECHO and "TORCHELASTIC_RUN_ID" in os.environ

    def receive(self, number: int, _: FrameType | None) -> None:
        """Handles a signal: the first one is only recorded while `deferred`; any other raises KeyboardInterrupt."""
        if self._is_echo():
            return
        again, self.signal = self(), number
        if again or not self.deferred:
            raise KeyboardInterrupt
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # during another print, or the stream is closed
            print_lines(
                "", "interrupted: the checkpoint is written after this step; once more ends it at once", err=True
            )


@contextmanager
def handle_stop_signals() -> Iterator[Stop]:
    """Handles SIGINT and SIGTERM with a `Stop`; an ignored signal stays ignored, as under nohup."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop.receive) for number in heeded}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
