"""Injects errors into the system calls of the file writer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from archspec import temporary

CALLS = ("scandir", "open", "stat", "fstat", "write", "chmod", "fsync", "replace", "unlink")
"""The system calls of the writer that can fail."""

FAULTS = (errno.ENOSPC, errno.EIO)


class Layer:
    """A replacement of the module `os`. `fail` gets the number of a call, from 0 on, and its name, and may raise."""

    def __init__(self, fail: Callable[[int, str], None], *, short: bool = False) -> None:
        self.calls: list[str] = []
        self._fail, self._short = fail, short

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._watched(name, real) if name in CALLS else real

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            self._fail(len(self.calls) - 1, name)
            if name == "write" and self._short:
                args = (args[0], bytes(args[1])[: max(1, len(args[1]) // 3)])
            return real(*args, **kwargs)

        return call


@contextmanager
def failing(
    fail: Callable[[int, str], None] = lambda _, __: None, *, short: bool = False, module: ModuleType = temporary
) -> Iterator[Layer]:
    """Replaces `os` in the writer, or in another module."""
    layer = Layer(fail, short=short)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "os", layer)
        yield layer


def nth(number: int, code: int) -> Callable[[int, str], None]:
    """Fails at the n-th call, with an error number."""

    def fail(at: int, _: str) -> None:
        if at == number:
            raise OSError(code, os.strerror(code))

    return fail


def always(name: str, code: int) -> Callable[[int, str], None]:
    """Fails at each call of one name."""

    def fail(_: int, called: str) -> None:
        if called == name:
            raise OSError(code, os.strerror(code))

    return fail
