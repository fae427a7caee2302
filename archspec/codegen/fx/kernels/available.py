"""Finds the Triton kernels for a value, where they can run and pay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from archspec import extras

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""The types that kernels take; they compute in float32."""
HALVES = (torch.bfloat16, torch.float16)
LEAST = 2**22
"""The elements of a value from which on a kernel is launched: to launch one of Triton takes Python 50 to 100 µs, one of torch 10."""

_here = threading.local()


def find_kernels(name: str, x: Tensor) -> Any:
    """The module of kernels `triton_NAME` if they support the value and pay, else None."""
    return (
        _import_kernels(name) if x.is_cuda and x.dtype in DTYPES and x.numel() and pays_to_launch(x.numel()) else None
    )


def pays_to_launch(count: int) -> bool:
    """Whether to launch a kernel for so many elements: if they are many, or for a CUDA graph, which launches without Python."""
    return count >= LEAST or getattr(_here, "captures", False)


@contextmanager
def preparing_capture() -> Iterator[None]:
    """In it, kernels are selected for a CUDA graph."""
    _here.captures = True
    try:
        yield
    finally:
        _here.captures = False


@cache
def _import_kernels(name: str) -> Any:
    return None if import_triton() is None else import_module(f"archspec.codegen.fx.kernels.triton_{name}")


@cache
def import_triton() -> Any:
    """The package, or None where it is not installed or broken."""
    try:
        return extras.load_extra("triton", "computing in one pass", "pip install triton")
    except extras.UnavailableError:
        return None


def count_in_units(*sizes: int) -> tuple[int, ...]:
    """A unit of 8 or 1 elements, and sizes counted in it.

    Triton's compiler knows of an argument only whether it is a multiple of 16. From a constant factor of 8 it knows that rows begin at
    multiples of 16 bytes in half precision, which it reads at once.

    >>> count_in_units(64, 40), count_in_units(64, 3)
    ((8, 8, 5), (1, 64, 3))
    """
    unit = 1 if any(size % 8 for size in sizes) else 8
    return unit, *(size // unit for size in sizes)
