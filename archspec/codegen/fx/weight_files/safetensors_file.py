"""Reads files of safetensors: a JSON header with the place of each tensor, and their bytes.

The format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import os
import struct
from math import prod
from typing import Any, BinaryIO

import torch

from archspec.codegen.fx.weight_files.contents import Contents
from archspec.codegen.fx.weight_files.digest import compute_digest
from archspec.codegen.fx.weight_files.errors import CHANGED, FormatError, quote_name
from archspec.codegen.fx.weight_files.stored import MOST_AXES, Storage, StoredTensor, is_count, load_tensors

DIGEST = "archspec.digest"
MARK = "archspec.format"
"""Marks a file of archspec, so that one with a damaged digest is not taken for a file without one."""
ABOUT = "__metadata__"
LENGTH = struct.Struct("<Q")
_LONGEST_HEADER = 100_000_000
_MOST_DIGITS = 20
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}


def read_safetensors(file: BinaryIO) -> Contents:
    """The contents of a file; the bytes of tensors are read on demand. Raises `FormatError`."""
    file.seek(0)
    available = os.fstat(file.fileno()).st_size - LENGTH.size
    (length,) = LENGTH.unpack(file.read(LENGTH.size).ljust(LENGTH.size, b"\0"))
    if not 2 <= length <= min(available, _LONGEST_HEADER):
        raise FormatError(f"a header of {length} bytes in a file of {available + LENGTH.size}")
    header = _header(file.read(length))
    about = _about(header.pop(ABOUT, {}))
    starts: dict[str, int] = {}
    tensors = {name: _tensor(name, entry, starts) for name, entry in header.items()}
    _check_places(tensors, starts, available - length)
    base = LENGTH.size + length

    def fetch(storage: Storage) -> bytes:
        file.seek(base + starts[storage.key])
        return file.read(storage.nbytes)

    tree = {"about": about, "tensors": tensors}
    expected = about.pop(DIGEST, None)
    if (expected is None) != (MARK not in about):
        raise FormatError("a file of archspec that has lost its digest or its mark")

    def verify() -> None:
        if compute_digest(tree, lambda tensor: load_tensors(tensor, fetch)) != expected:
            raise FormatError(CHANGED)

    return Contents(tree, fetch, None if expected is None else verify, "tensors")


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise FormatError("a header that is no mapping")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for name, value in pairs:
        if name in mapping:
            raise FormatError(f"a header with two entries {quote_name(name)}")
        mapping[name] = value
    return mapping


def _no_constant(text: str) -> Any:
    raise FormatError(f"a header with {text}, which is no JSON")


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise FormatError(f"a header with a number of {len(text):,} digits")
    return int(text)


def _about(about: Any) -> dict[str, str]:
    if not isinstance(about, dict) or not all(isinstance(text, str) for text in about.values()):
        raise FormatError(f"a header whose {ABOUT} are not texts by name")
    return about


def _tensor(name: str, entry: Any, starts: dict[str, int]) -> StoredTensor:
    """The tensor of an entry of the header; adds the start of its bytes to `starts`."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{quote_name(name)} has not just dtype, shape and data_offsets")
    shape, offsets, code = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise FormatError(f"{quote_name(name)} has the dtype {quote_name(code)}, expected one of {', '.join(_DTYPES)}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_count, offsets)):
        raise FormatError(f"{quote_name(name)} has data_offsets that are not two whole numbers from 0 on")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(map(is_count, shape)):
        raise FormatError(f"{quote_name(name)} has a shape that is not of at most {MOST_AXES} whole numbers from 0 on")
    (start, end), needed = offsets, prod(shape) * _DTYPES[code].itemsize
    if end - start != needed:
        raise FormatError(f"{quote_name(name)} has {end - start} bytes, expected {quote_name(needed)}")
    starts[name] = start
    return StoredTensor.contiguous(Storage(name, end - start), _DTYPES[code], tuple(shape))


def _check_places(tensors: dict[str, StoredTensor], starts: dict[str, int], available: int) -> None:
    """Raises `FormatError` unless the tensors cover all bytes without overlap."""
    place = 0
    for name in sorted(tensors, key=lambda name: (starts[name], tensors[name].storage.nbytes)):
        if starts[name] != place:
            raise FormatError(f"{quote_name(name)} begins at byte {starts[name]}, where {place} bytes come before it")
        place += tensors[name].storage.nbytes
    if place != available:
        raise FormatError(f"its tensors take {place} bytes, and there are {available}")
