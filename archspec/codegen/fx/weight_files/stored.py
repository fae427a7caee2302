"""Defines tensors of a file whose values are not read: their storage, shape and stride."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from operator import mul
from typing import Any

import torch
from torch import Tensor

from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.numerals import format_bytes, format_sizes

DTYPES = frozenset(
    getattr(torch, name)
    for name in (
        *("float64", "float32", "float16", "bfloat16", "complex128", "complex64", "bool"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"),
    )
)
"""The supported types."""
MOST_AXES = 64
_REPEATED = 1 << 20
"""The bytes by which a tensor may exceed its storage by repeating elements."""
_DEEPEST = 64
_MOST_PARTS = 2_000_000
_PLAIN = (str, bytes, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes of a file that tensors are views of; `dtype` is that of all its tensors, or None if each has its own."""

    key: str
    nbytes: int
    dtype: torch.dtype | None = None


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A dense tensor of a file: shape, stride and offset count elements of its `storage`."""

    storage: Storage
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0

    @classmethod
    def checked(cls, storage: Storage, dtype: Any, shape: Any, stride: Any, offset: Any = 0) -> StoredTensor:
        """The tensor, after checking that it is inside its storage. Raises `FormatError`."""
        if dtype not in DTYPES or storage.nbytes % dtype.itemsize:
            raise FormatError(f"a tensor of {quote_name(str(dtype))} in a storage of {format_bytes(storage.nbytes)}")
        if not all(isinstance(sizes, tuple) and all(map(is_count, sizes)) for sizes in (shape, stride)):
            raise FormatError("a tensor whose shape and stride are not whole numbers from 0 on")
        if len(shape) != len(stride) or len(shape) > MOST_AXES or not is_count(offset):
            raise FormatError(f"a tensor of {len(shape)} axes with {len(stride)} strides from {quote_name(offset)} on")
        count, last = prod(shape), offset + sum(map(mul, (length - 1 for length in shape), stride))
        reaches_out = count > 0 and last >= storage.nbytes // dtype.itemsize
        if reaches_out or count * dtype.itemsize > storage.nbytes + _REPEATED:
            text = f"a tensor of {format_sizes(shape[:8])} elements"
            raise FormatError(f"{text} that is larger than its storage of {format_bytes(storage.nbytes)}")
        return cls(storage, dtype, shape, stride, offset)

    @classmethod
    def contiguous(cls, storage: Storage, dtype: torch.dtype, shape: tuple[int, ...]) -> StoredTensor:
        """The contiguous tensor that covers its storage."""
        steps = [1]
        for length in reversed(shape[1:]):
            steps.append(steps[-1] * max(length, 1))
        return cls.checked(storage, dtype, shape, tuple(reversed(steps))[-len(shape) :] if shape else ())

    def of(self, content: Tensor) -> Tensor:
        """The tensor, as a view of the bytes of its storage."""
        return content.view(self.dtype).as_strided(self.shape, self.stride, self.offset)


@dataclass(frozen=True, slots=True)
class ShardedTensor:
    """A tensor of one of several open files."""

    file: Any
    stored: StoredTensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stored.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.stored.dtype


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A tensor of an unsupported `kind`."""

    kind: str


def load_tensors(tree: Any, fetch: Callable[[Storage], bytes], limit: int | None = None) -> Any:
    """The data with stored tensors replaced by tensors; those of one storage share memory.

    Raises:
        FormatError: there are values other than tensors, mappings, lists, numbers and texts, too many of them, or more than `limit`
            bytes of tensors.
    """
    return _Loader(fetch, limit).load(tree, ())


class _Loader:
    def __init__(self, fetch: Callable[[Storage], bytes], limit: int | None) -> None:
        self._fetch, self._limit = fetch, limit
        self._contents: dict[str, Tensor] = {}
        self._parts = self._read = 0

    def load(self, tree: Any, place: tuple[Any, ...]) -> Any:
        self._parts += 1
        if len(place) > _DEEPEST or self._parts > _MOST_PARTS:
            raise FormatError("data that are nested too deep or have too many parts")
        if isinstance(tree, StoredTensor):
            return tree.of(self._content(tree.storage))
        if isinstance(tree, Mapping):
            return {key: self.load(part, (*place, key)) for key, part in tree.items()}
        if isinstance(tree, list | tuple):
            return type(tree)(self.load(part, (*place, number)) for number, part in enumerate(tree))
        if type(tree) not in _PLAIN:
            kind = tree.kind if isinstance(tree, Unreadable) else quote_name(tree)
            raise FormatError(f"{'.'.join(map(quote_name, place))} is {kind}")
        return tree

    def _content(self, storage: Storage) -> Tensor:
        if storage.key not in self._contents:
            self._read += storage.nbytes
            if self._limit is not None and self._read > self._limit:
                raise FormatError(f"its tensors are views of {format_bytes(self._read)}, more than the network needs")
            self._contents[storage.key] = _as_byte_tensor(self._fetch(storage), storage)
        return self._contents[storage.key]


def _as_byte_tensor(content: bytes, storage: Storage) -> Tensor:
    if len(content) != storage.nbytes:
        raise FormatError(f"it is cut off in the storage {quote_name(storage.key)}")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def is_count(number: object) -> bool:
    """Whether a value is a non-negative integer below 2**62."""
    return type(number) is int and 0 <= number < 1 << 62
