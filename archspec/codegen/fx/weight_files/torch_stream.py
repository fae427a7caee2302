"""Reads files of `torch.save` before 1.6: consecutive pickles, then the bytes of each storage."""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO

from archspec.codegen.fx.weight_files.contents import Contents
from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.codegen.fx.weight_files.pickle_data import Bounded, read_pickle
from archspec.codegen.fx.weight_files.stored import Storage
from archspec.codegen.fx.weight_files.torch_names import TorchNames

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT = struct.Struct("<q")


def read_stream(file: BinaryIO) -> Contents:
    """The contents of a file; the bytes of tensors are read on demand. Raises `FormatError`."""
    file.seek(0)
    end = os.fstat(file.fileno()).st_size
    source = Bounded(file, end)
    names = _Names()
    if read_pickle(source, names) != _MAGIC:
        raise FormatError("a pickle that torch.save did not write")
    if read_pickle(source, names) != _PROTOCOL:
        raise FormatError("a file of another protocol of torch.save")
    system = read_pickle(source, names)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise FormatError("a file of a machine of another order of bytes")
    tree = read_pickle(source, names)
    places = _places(file, end, read_pickle(source, names), names.storages)

    def fetch(storage: Storage) -> bytes:
        if storage.key not in places:
            raise FormatError(f"a file without the storage {quote_name(storage.key)}")
        file.seek(places[storage.key])
        return file.read(storage.nbytes)

    return Contents(tree, fetch)


class _Names(TorchNames):
    """The names of such a file; collects all storages by key."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}

    def persistent(self, id: Any) -> Any:
        storage = super().persistent(id)
        if not isinstance(storage, Storage):
            return storage
        if self.storages.setdefault(storage.key, storage) != storage:
            raise FormatError(f"a file with two storages {quote_name(storage.key)}")
        return storage


def _places(file: BinaryIO, end: int, keys: Any, storages: dict[str, Storage]) -> dict[str, int]:
    """The offsets of the storages' bytes, each of which follows its number of elements."""
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages for key in keys):
        raise FormatError("a file with a storage that no tensor has")
    places = {}
    for key in keys:
        storage = storages[key]
        count = file.read(_COUNT.size)
        width = storage.dtype.itemsize if storage.dtype else 1
        if len(count) < _COUNT.size or _COUNT.unpack(count)[0] * width != storage.nbytes:
            raise FormatError(f"a file whose storage {quote_name(key)} has not the size that its tensors expect")
        places[key] = file.tell()
        file.seek(storage.nbytes, os.SEEK_CUR)
    if file.tell() != end:
        raise FormatError("a file that is cut off, or has more behind its last storage")
    return places
