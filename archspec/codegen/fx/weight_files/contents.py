"""What a file holds, of whatever format it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archspec.codegen.fx.weight_files.stored import Storage


@dataclass(frozen=True, slots=True)
class Contents:
    """Data with stored tensors in them, and how their bytes are read."""

    tree: Any
    fetch: Callable[[Storage], bytes]
    verify: Callable[[], None] | None = None
    """Compares the file with the digest that it was written with, and raises `FormatError`; a file of others has none."""
    key: str | None = None
    """Under which key of `tree` the tensors are, where the format says so."""
