"""Defines the contents of a file of weights, for all formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archspec.codegen.fx.weight_files.stored import Storage


@dataclass(frozen=True, slots=True)
class Contents:
    """The data of a file with stored tensors, and the function that reads their bytes."""

    tree: Any
    fetch: Callable[[Storage], bytes]
    verify: Callable[[], None] | None = None
    """Verifies the file's digest and raises `FormatError`; None for a file without one."""
    key: str | None = None
    """The key of `tree` that has the tensors, if the format defines one."""
