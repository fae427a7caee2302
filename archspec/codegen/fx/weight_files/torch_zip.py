"""Reads the zip archives of `torch.save`: a pickle, and the bytes of each storage."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from archspec.codegen.fx.weight_files.contents import Contents
from archspec.codegen.fx.weight_files.errors import CHANGED, FormatError, quote_name
from archspec.codegen.fx.weight_files.pickle_data import read_pickle
from archspec.codegen.fx.weight_files.stored import Storage
from archspec.codegen.fx.weight_files.torch_names import TorchNames
from archspec.numerals import format_bytes

MARK = "archspec.format"
"""A record that marks archives of archspec, so that one with a damaged digest is not taken for one without."""
DIGEST = b"archspec sha256:"
"""The start of such an archive's comment, followed by `DIGITS` digits of the SHA-256 of all bytes before these."""
DIGITS = 64
_PICKLE = "data.pkl"
_BLOCK = 1 << 20
_LARGEST_PICKLE, _SHORT = 1 << 28, 1 << 10
_LARGEST = 1 << 30
"""The most unpacked bytes of a compressed archive without a `limit`."""
_FAULTS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)
"""The exceptions of zipfile for archives that are damaged, encrypted, or compressed by an unknown method."""
_WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".pth.tar")
_OTHERS = {
    "constants.pkl": "a TorchScript archive, which holds code; the state_dict of the module would be taken",
    "code/": "a TorchScript archive, which holds code; the state_dict of the module would be taken",
    "archive_format": "a program of torch.export; the state_dict of the module would be taken",
    "serialized_exported_program.json": "a program of torch.export; the state_dict of the module would be taken",
    "[Content_Types].xml": "an office document",
    "model.weights.h5": "a Keras model",
    "META-INF/MANIFEST.MF": "a Java archive",
}


def read_zip(file: BinaryIO, limit: int | None) -> Contents:
    """The contents of an archive; the bytes of tensors are read on demand. Raises `FormatError`.

    `limit` is the most unpacked bytes of its records, if they exceed the size of the file.
    """
    with _translate_faults():
        size_of_file = os.fstat(file.fileno()).st_size
        archive = _Archive(zipfile.ZipFile(file), size_of_file, limit)
        tree = read_pickle(io.BytesIO(archive.read(_PICKLE, _LARGEST_PICKLE)), TorchNames())
        expected = _digest(file, size_of_file)
        if (expected is None) != (not archive.has(MARK)):
            raise FormatError("an archive of archspec that has lost its digest or its mark")

        def verify() -> None:
            if compute_sha256(file, size_of_file - DIGITS) != expected:
                raise FormatError(CHANGED)

        return Contents(tree, archive.fetch, None if expected is None else verify)


class _Archive:
    def __init__(self, archive: zipfile.ZipFile, file_size: int, limit: int | None) -> None:
        self._archive = archive
        names = archive.namelist()
        self._root = find_root(names)
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise FormatError(f"an archive with two records {quote_name(repeated[0])}")
        total = sum(record.file_size for record in archive.infolist())
        if total > max(file_size, _LARGEST if limit is None else limit):
            raise FormatError(
                f"an archive of {format_bytes(file_size)} that unpacks to {format_bytes(total)}, more than the network needs"
            )
        if self.has("byteorder") and self.read("byteorder", _SHORT) != b"little":
            raise FormatError("an archive of a machine of another order of bytes")

    def has(self, name: str) -> bool:
        return self._root + name in self._archive.NameToInfo

    def read(self, name: str, most: int | None = None) -> bytes:
        """Reads a record and checks its CRC."""
        if not self.has(name):
            raise FormatError(f"an archive without the record {quote_name(name)}")
        if most is not None and self._archive.NameToInfo[self._root + name].file_size > most:
            raise FormatError(f"an archive whose record {name} has more than {format_bytes(most)}")
        return self._archive.read(self._root + name)

    def fetch(self, storage: Storage) -> bytes:
        with _translate_faults():
            name = f"data/{storage.key}"
            expected = self._archive.NameToInfo[self._root + name].file_size if self.has(name) else storage.nbytes
            if expected != storage.nbytes:
                raise FormatError(
                    f"an archive whose record {quote_name(name)} has {expected} bytes and not {storage.nbytes}"
                )
            return self.read(name)


def compute_sha256(file: BinaryIO, count: int) -> bytes:
    """The digest of the first `count` bytes of a file, in hexadecimal digits."""
    file.seek(0)
    hashed = hashlib.sha256()
    while count > 0:
        block = file.read(min(count, _BLOCK))
        if not block:
            break
        hashed.update(block)
        count -= len(block)
    return hashed.hexdigest().encode()


def _digest(file: BinaryIO, size_of_file: int) -> bytes | None:
    """The digest at the end of a file, or None."""
    file.seek(max(size_of_file - len(DIGEST) - DIGITS, 0))
    start, digits = file.read(len(DIGEST)), file.read()
    return digits if start == DIGEST else None


def find_root(names: list[str]) -> str:
    """The common folder of all records. Raises `FormatError` if this is no archive of `torch.save`."""
    for part, kind in _OTHERS.items():
        if any(f"/{part}" in f"/{name}" for name in names):
            raise FormatError(kind)
    roots = [name.removesuffix(_PICKLE) for name in names if name.rpartition("/")[2] == _PICKLE]
    if len(roots) != 1:
        inside = [name for name in names if name.lower().endswith(_WEIGHTS)]
        if inside:
            raise FormatError(f"a zip archive with {quote_name(inside[0])} in it", help="unpack it, and name that file")
        if names and all(name.endswith(".npy") for name in names):
            help = "give them as a mapping: arch.build(weights=dict(numpy.load(file)))"
            raise FormatError("an archive of NumPy's arrays", help=help)
        shown = ", ".join(map(quote_name, names[:3])) or "nothing"
        raise FormatError(f"a zip archive of {len(names)} records that has not one {_PICKLE}: {shown}")
    return roots[0]


@contextmanager
def _translate_faults() -> Iterator[None]:
    try:
        yield
    except FormatError:
        raise
    except _FAULTS as error:
        raise FormatError(f"an archive that is cut off or damaged: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return quote_name(str(error).strip().partition("\n")[0])[:120]
