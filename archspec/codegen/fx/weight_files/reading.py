"""Opens files of weights: whatever reads one goes through here. No code of a file is ever run.

Opened, a file has been checked for everything that can be said without the values: its structure, its sizes, the names, types and
shapes of its tensors. Values are read when they are asked for, and then the digest is checked where there is one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.weight_files.contents import Contents
from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.codegen.fx.weight_files.other_files import check_kind
from archspec.codegen.fx.weight_files.safetensors_file import read_safetensors
from archspec.codegen.fx.weight_files.stored import StoredTensor, load_tensors
from archspec.codegen.fx.weight_files.torch_stream import read_stream
from archspec.codegen.fx.weight_files.torch_zip import read_zip
from archspec.numerals import format_bytes

SAFETENSORS, TORCH = "not a whole safetensors file", "neither safetensors nor a whole torch checkpoint of tensors"
_SHORTEST = 10
_SLACK, _TIMES = 1 << 24, 16
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


def compute_read_limit(needed: int) -> int:
    """How many bytes may be read for a network whose weights have `needed`: beside them a file may keep averages and an optimiser."""
    return _SLACK + _TIMES * needed


class WeightFile:
    """An open file of weights: `tree`, all that it holds, with tensors whose values are not read yet."""

    def __init__(self, path: Path, form: str, contents: Contents, limit: int | None) -> None:
        self.path, self._form, self._contents, self._limit = path, form, contents, limit
        self.tree: Any = contents.tree if contents.key is None else contents.tree[contents.key]

    def load(self, tensors: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
        """Reads tensors of the tree. Raises `WeightsError` where the file is damaged; one with a digest is verified as a whole before."""
        with _name_file(self.path, self._form):
            if self._contents.verify is not None:
                self._contents.verify()
            return dict(load_tensors(dict(tensors), self._contents.fetch, self._limit))


@contextmanager
def open_weights(path: Path, *, limit: int | None = None) -> Iterator[WeightFile]:
    """Opens a file of weights: safetensors, or what `torch.save` wrote; `limit` is the most bytes to read, as `compute_read_limit` says.

    Raises:
        WeightsError: the file is neither, or is damaged.
        OSError: it cannot be read.
    """
    with _open_regular(path) as file:
        start = file.read(512)
        form = SAFETENSORS if _is_safetensors(path, start) else TORCH
        with _name_file(path, form):
            opened = WeightFile(path, form, _read_contents(file, start, form, limit), limit)
        yield opened


def read_data(path: Path, *, limit: int | None = None) -> Any:
    """All that a file of archspec's own holds: mappings, lists, numbers, texts, tensors. It has a digest, which is checked.

    Raises:
        WeightsError: it has none, or is damaged.
        OSError: it cannot be read.
    """
    with _open_regular(path) as file, _name_file(path, "no whole checkpoint of archspec"):
        contents = _read_contents(file, file.read(512), TORCH, limit)
        if contents.verify is None:
            raise FormatError("it has no digest, which each of them has")
        contents.verify()
        return load_tensors(contents.tree, contents.fetch, limit)


def _read_contents(file: BinaryIO, start: bytes, form: str, limit: int | None) -> Contents:
    if len(start) < _SHORTEST:
        raise FormatError(f"it has {format_bytes(len(start))}" if start else "it is empty")
    if _has_header(start):
        return read_safetensors(file)
    check_kind(start)
    if form == SAFETENSORS:
        return read_safetensors(file)
    if start.startswith(_ZIP):
        return read_zip(file, limit)
    if start.startswith(_PICKLE):
        return read_stream(file)
    raise FormatError(f"it begins with {start[:12]!r}")


def _is_safetensors(path: Path, start: bytes) -> bool:
    """By its content, whatever the name; by its name, where the content says nothing."""
    return _has_header(start) or (path.suffix == ".safetensors" and not start.startswith((_ZIP, _PICKLE)))


def _has_header(start: bytes) -> bool:
    """Whether a header of safetensors can begin here. Its length, which is before it, may look like any other format."""
    return start[8:9] == b"{"


@contextmanager
def _open_regular(path: Path) -> Iterator[BinaryIO]:
    """Opens a file and nothing that only looks like one: a pipe would be waited for, a device has no end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a NUL in the name
        raise WeightsError(f"{quote_name(str(path))}: {error}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise WeightsError(f"{path}: expected a file of weights, got {kind}")
    with os.fdopen(descriptor, "rb") as file:
        yield file


@contextmanager
def _name_file(path: Path, form: str) -> Iterator[None]:
    """Says of which file the content is not what it must be."""
    try:
        yield
    except FormatError as error:
        raise WeightsError(f"{path}: {form}: {error}", help=error.help) from error
