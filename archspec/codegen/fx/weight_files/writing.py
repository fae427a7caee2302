"""Makes the bytes of files of weights, with a digest."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from archspec import extras
from archspec.codegen.fx.weight_files import safetensors_file, torch_zip
from archspec.codegen.fx.weight_files.digest import compute_digest
from archspec.codegen.fx.weight_files.safetensors_file import ABOUT, LENGTH
from archspec.json_text import dump_json

_FORMAT = "1"


def pack_torch(content: Any) -> bytes:
    """Packs mappings, lists, numbers, texts and tensors as `torch.save` does, with a digest of the archive at its end.

    `torch.load` can read it. The same content gives the same bytes.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(torch_zip.find_root(archive.namelist()) + torch_zip.MARK), _FORMAT)
        archive.comment = torch_zip.DIGEST + bytes(torch_zip.DIGITS)
    end = buffer.tell() - torch_zip.DIGITS
    digits = torch_zip.compute_sha256(buffer, end)
    buffer.seek(end)
    buffer.write(digits)
    return buffer.getvalue()


def pack_checkpoint(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """Packs tensors as a torch checkpoint, which does not store `about`."""
    return pack_torch(dict(tensors))


def pack_safetensors(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """Packs tensors as safetensors, with a digest of them and of `about` in the metadata. The same weights give the same bytes.

    Raises `UnavailableError` if safetensors cannot be imported.
    """
    save = extras.load_extra("safetensors.torch", "writing safetensors", "pip install 'archspec-nn[export]'").save
    marked = {**about, safetensors_file.MARK: _FORMAT}
    signed = marked | {safetensors_file.DIGEST: compute_digest({"about": marked, "tensors": dict(tensors)})}
    return _in_order(bytes(save(dict(tensors), metadata=signed)))


def _in_order(content: bytes) -> bytes:
    """The file with its metadata sorted by name; the library writes them in any order."""
    (length,) = LENGTH.unpack(content[: LENGTH.size])
    header = json.loads(content[LENGTH.size : LENGTH.size + length])
    header[ABOUT] = dict(sorted(header[ABOUT].items()))
    text = dump_json(header).encode()
    padded = text.ljust(-(-len(text) // 8) * 8)
    return LENGTH.pack(len(padded)) + padded + content[LENGTH.size + length :]
