"""Launches kernels of Triton, and compiles those of a whole network at the same time before it first runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from archspec.codegen.fx.kernels.available import import_triton

_here = threading.local()


def launch(kernel: Any, grid: Any, *args: Any, **options: Any) -> None:
    """Launches a kernel over a grid of programs; in `compile_kernels` it is only compiled, and its outputs stay as they were."""
    if getattr(_here, "compiles", False):
        kernel.warmup(*args, grid=grid, **options)
    else:
        kernel[grid](*args, **options)


def compile_kernels(run: Callable[[], object]) -> None:
    """Compiles the kernels that a run would launch, several at the same time, where launches would compile them one after another.

    Most of the time of a compilation is NVIDIA's assembler, a process of its own. The results of the run mean nothing.
    """
    mode = getattr(import_triton(), "AsyncCompileMode", None)  # since Triton 3.4
    if mode is not None:
        with ThreadPoolExecutor() as executor, mode(executor), _compiling():
            run()


@contextmanager
def _compiling() -> Iterator[None]:
    _here.compiles = True
    try:
        yield
    finally:
        _here.compiles = False
