"""Opens files of weights without running code from them.

Opening checks everything except the values: structure, sizes, and the names, types and shapes of tensors. Values are read on
demand, after checking the digest if there is one.
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
    """The most bytes to read for a network with `needed` bytes of weights; a file may also have averages and optimiser states."""
    return _SLACK + _TIMES * needed


class WeightFile:
    """An open file of weights; `tree` is its data, with tensors whose values are not read."""

    def __init__(self, path: Path, form: str, contents: Contents, limit: int | None) -> None:
        self.path, self._form, self._contents, self._limit = path, form, contents, limit
        self.tree: Any = contents.tree if contents.key is None else contents.tree[contents.key]

    def load(self, tensors: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
        """Reads tensors of the tree. A file with a digest is verified before. Raises `WeightsError` if the file is damaged."""
        with _name_file(self.path, self._form):
            if self._contents.verify is not None:
                self._contents.verify()
            return dict(load_tensors(dict(tensors), self._contents.fetch, self._limit))


@contextmanager
def open_weights(path: Path, *, limit: int | None = None) -> Iterator[WeightFile]:
    """Opens a file of weights, of safetensors or `torch.save`; `limit` is the most bytes to read, from `compute_read_limit`.

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
    """The data of a file that archspec wrote (mappings, lists, numbers, texts, tensors), after checking its digest.

    Raises:
        WeightsError: it has no digest, or is damaged.
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
    """Whether a file is one of safetensors, by its content, or by its name if the content does not tell."""
    return _has_header(start) or (path.suffix == ".safetensors" and not start.startswith((_ZIP, _PICKLE)))


def _has_header(start: bytes) -> bool:
    """Whether the bytes after the length can begin a header of safetensors; the length itself may look like another format."""
    return start[8:9] == b"{"


@contextmanager
def _open_regular(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file; pipes, which would block, and devices are refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a NUL character in the name
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
    """Adds the name of the file to a `FormatError`, as a `WeightsError`."""
    try:
        yield
    except FormatError as error:
        raise WeightsError(f"{path}: {form}: {error}", help=error.help) from error
