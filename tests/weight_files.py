"""Makes damaged, foreign and hostile files of weights."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


def saved(content: object, **options: Any) -> bytes:
    """The bytes of `torch.save`."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def records(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(contents: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def rewritten(content: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """An archive of `torch.save` with replaced records and valid CRCs; None removes one."""
    folder = {f"archive/{name}": record for name, record in changes.items()}
    return zipped({name: record for name, record in (records(content) | folder).items() if record is not None})


def pickled(data: bytes) -> bytes:
    """An archive of `torch.save` with another pickle."""
    return rewritten(saved({}), {"data.pkl": data})


def replaced(weights: Weights, old: bytes, new: bytes) -> bytes:
    """An archive with one occurrence of `old` in its pickle replaced by `new`."""
    content = saved(dict(weights))
    data = records(content)["archive/data.pkl"]
    assert old in data
    return rewritten(content, {"data.pkl": data.replace(old, new, 1)})


def header(entries: object, data: bytes = b"", *, text: bytes | None = None) -> bytes:
    """A file of safetensors with this header."""
    written = json.dumps(entries).encode() if text is None else text
    return struct.pack("<Q", len(written)) + written + data


def entry(dtype: str = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def calling(module: str, name: str, *, end: bytes) -> bytes:
    """A pickle that would call a function with the text "touched", by one of the instructions for calls."""
    return b"\x80\x02" + f"c{module}\n{name}\n".encode() + end


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO(b""))
    return buffer.getvalue()


def script() -> bytes:
    buffer = io.BytesIO()
    traced = torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2))  # type: ignore[no-untyped-call]
    torch.jit.save(traced, buffer)
    return buffer.getvalue()


def encrypted(content: bytes) -> bytes:
    """An archive whose first record is marked as encrypted."""
    flags = content.index(b"PK\x01\x02") + 8
    return content[:flags] + bytes([content[flags] | 1]) + content[flags + 1 :]


def with_tensor(name: str, change: Callable[[Tensor], object]) -> Callable[[Weights], bytes]:
    """A checkpoint with one tensor replaced."""
    return lambda weights: saved({**weights, name: change(weights[name])})


def quantized(weight: Tensor) -> Tensor:
    return torch.quantize_per_tensor(weight.detach(), 0.1, 0, torch.qint8)


def nested(weight: Tensor) -> Tensor:
    return torch.nested.nested_tensor([weight.detach().flatten()])


_TOUCH = b"(X\x07\x00\x00\x00touchedtR."
HOSTILE: dict[str, tuple[Callable[[Weights], bytes], str]] = {
    "empty.pt": (lambda _: b"", "it is empty"),
    "empty.safetensors": (lambda _: b"", "it is empty"),
    "one-byte.pt": (lambda _: b"\x80", "it has 1 B"),
    "noise.pt": (lambda _: b"noise that is no file of weights", "it begins with b'noise"),
    "page.pt": (lambda _: b"<!DOCTYPE html><html></html>", "it is an HTML page"),
    "cut.pt": (lambda weights: saved(dict(weights))[:-30], "cut off or damaged"),
    "number.pt": (lambda _: saved(1.5), "expected tensors by name, got 1.5"),
    "list.pt": (lambda weights: saved(list(weights.values())), "expected tensors by name, got a list"),
    "tensor.pt": (lambda weights: saved(weights["one.weight"]), "expected tensors by name, got one tensor"),
    "int-key.pt": (lambda weights: saved({0: weights["one.weight"]}), "got 0 as a name"),
    "tuple-key.pt": (lambda weights: saved({(1, 2): weights["one.weight"]}), "a mapping with a tuple for a key"),
    "text-value.pt": (lambda weights: saved({**weights, "one.weight": "a"}), "for one.weight, got a"),
    "deep-inner.pt": (
        lambda weights: saved({"a": {"b": {"c": dict(weights)}}, "epoch": 3}),
        "got the keys a, epoch without tensors below them",
    ),
    "meta.pt": (
        with_tensor("one.weight", lambda weight: weight.to("meta")),
        "for one.weight, got a tensor of the device",
    ),
    "sparse.pt": (with_tensor("one.weight", lambda weight: weight.detach().to_sparse()), "got a sparse tensor"),
    "csr.pt": (
        with_tensor("one.weight", lambda weight: weight.detach().flatten(1).to_sparse_csr()),
        "got a sparse tensor",
    ),
    "quantized.pt": (with_tensor("one.weight", quantized), "got a quantized tensor"),
    "nested.pt": (with_tensor("one.weight", nested), "got a nested tensor"),
    "complex.pt": (with_tensor("one.weight", lambda weight: weight.to(torch.complex64)), "mis-typed"),
    "whole.pt": (with_tensor("one.weight", lambda weight: weight.to(torch.int8)), "expected float32, got int8"),
    "bool.pt": (with_tensor("one.weight", lambda weight: weight > 0), "expected float32, got bool"),
    "count.pt": (
        with_tensor("bn.num_batches_tracked", lambda count: count + 0.5),
        "bn.num_batches_tracked is not of whole numbers",
    ),
    "negated.pt": (
        with_tensor("one.weight", lambda weight: weight.detach().to(torch.complex64).conj().imag),
        "to be conjugated or negated",
    ),
    "class.pt": (lambda _: saved(SimpleNamespace(a=1)), "it holds types.SimpleNamespace"),
    "beside.pt": (
        lambda _: saved({"state_dict": {}, "args": SimpleNamespace()}),
        "without tensors below them; types.SimpleNamespace in it was not read",
    ),
    "plain-pickle.pt": (lambda _: pickle.dumps({"a": 1}, 2), "a pickle that torch.save did not write"),
    "call.pt": (lambda _: pickled(calling("builtins", "open", end=_TOUCH)), "it holds builtins.open"),
    "escape.pt": (
        lambda _: pickled(b"\x80\x04X\x06\x00\x00\x00a\x1b[31mX\x04\x00\x00\x00b\xe2\x80\xae\x93" + _TOUCH),
        "it holds 'a\\x1b[31m.b\\u202e'",
    ),
    "by-text.pt": (
        lambda _: pickled(b"\x80\x04X\x08\x00\x00\x00builtinsX\x04\x00\x00\x00open\x93" + _TOUCH),
        "it holds builtins.open",
    ),
    "instance.pt": (
        lambda _: pickled(b"\x80\x02(X\x07\x00\x00\x00touchedibuiltins\nopen\n."),
        "it holds builtins.open",
    ),
    "extension.pt": (lambda _: pickled(b"\x80\x02\x82\x01."), "with the instruction EXT1"),
    "persistent.pt": (lambda _: pickled(b"\x80\x02K\x01Q."), "with 1 in the place of a storage"),
    "persistent-text.pt": (lambda _: pickled(b"\x80\x02P1\n."), "with 1 in the place of a storage"),
    "far-memo.pt": (lambda _: pickled(b"\x80\x02}r\xff\xff\xff\xff0j\xff\xff\xff\xfe."), "cut off or damaged"),
    "long-text.pt": (lambda _: pickled(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"a."), "cut off or damaged"),
    "big-number.pt": (
        lambda _: pickled(b"\x80\x02}\x8b\x00\x40\x00\x00" + b"\xff" * 16384 + b"K\x00s."),
        "got the key -1 without",
    ),
    "deep.pt": (
        lambda _: pickled(b"\x80\x02" + b"]" * 9 + b"\x85" * 99999 + b"."),
        "expected tensors by name, got a tuple",
    ),
    "larger-than-storage.pt": (
        lambda weights: replaced(weights, b"(K\x04K\x03K\x01K\x01t", b"(K\xf0K\x03K\x01K\x01t"),
        "240×3×1×1 elements that is larger than its storage of 48 B",
    ),
    "stride.pt": (
        lambda weights: replaced(weights, b"(K\x03K\x01K\x01K\x01t", b"(K\xf3K\x01K\x01K\x01t"),
        "larger than its storage",
    ),
    "offset.pt": (
        lambda weights: replaced(weights, b"K\x00(K\x04K\x03", b"K\x09(K\x04K\x03"),
        "larger than its storage",
    ),
    "negative-offset.pt": (
        lambda weights: replaced(weights, b"K\x00(K\x04K\x03", b"J\xff\xff\xff\xff(K\x04K\x03"),
        "strides from -1 on",
    ),
    "repeated.pt": (
        lambda _: pickled(
            b"\x80\x02}X\x0a\x00\x00\x00one.weightctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n"
            b"FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x85K\x00\x85\x89NtRs."
        ),
        "larger than its storage",
    ),
    "huge-storage.pt": (
        lambda weights: replaced(weights, b"K\x0ct", b"\x8a\xfa" + b"\x7f" * 250 + b"t"),
        "a storage without a type, a name or a number of elements",
    ),
    "size-of-record.pt": (
        lambda weights: rewritten(saved(dict(weights)), {"data/0": b"\0" * 4}),
        "record data/0 has 4 bytes and not 48",
    ),
    "no-record.pt": (lambda weights: rewritten(saved(dict(weights)), {"data/0": None}), "without the record data/0"),
    "big-endian.pt": (
        lambda weights: rewritten(saved(dict(weights)), {"byteorder": b"big"}),
        "of another order of bytes",
    ),
    "archive.pt": (lambda _: zipped({"a.txt": b"a"}), "has not one data.pkl: a.txt"),
    "two-pickles.pt": (lambda _: zipped({"a/data.pkl": b"", "b/data.pkl": b""}), "has not one data.pkl"),
    "empty-archive.pt": (lambda _: zipped({}), "an empty zip archive"),
    "encrypted.pt": (lambda weights: encrypted(saved(dict(weights))), "cut off or damaged"),
    "script.pt": (lambda _: script(), "a TorchScript archive"),
    "tar.pt": (lambda _: tar(), "a tar archive"),
    "keras.pt": (lambda _: b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "an HDF5 file"),
    "old-cut.pt": (
        lambda weights: saved(dict(weights), _use_new_zipfile_serialization=False)[:-3],
        "cut off, or has more behind",
    ),
    "not.safetensors": (lambda _: b"noise that is no file of weights", "not a whole safetensors file: a header of"),
    "long-header.safetensors": (lambda _: struct.pack("<Q", 1 << 62) + b"{}", "a header of 4611686018427387904 bytes"),
    "no-json.safetensors": (lambda _: header(None, text=b"{nonsense}"), "a header that is no JSON"),
    "no-text.safetensors": (lambda _: header(None, text=b'{"\xff": 1}'), "a header that is no JSON"),
    "list.safetensors": (lambda _: header(None, text=b"[1, 2, 3]"), "a header that is no mapping"),
    "deep.safetensors": (lambda _: header(None, text=b'{"a":' + b"[" * 100_000), "a header that is no JSON"),
    "digits.safetensors": (
        lambda _: header(None, text=b'{"a":' + b"9" * 5000 + b"}"),
        "a header with a number of 5,000 digits",
    ),
    "nan.safetensors": (lambda _: header(None, text=b'{"a": NaN}'), "a header with NaN"),
    "twice.safetensors": (
        lambda _: header(None, b"\0" * 8, text=b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2)),
        "a header with two entries a",
    ),
    "dtype.safetensors": (lambda _: header({"one.weight": entry("F4")}, b"\0" * 8), "one.weight has the dtype F4"),
    "no-dtype.safetensors": (lambda _: header({"a": entry(7)}, b"\0" * 8), "a has the dtype 7"),  # type: ignore[arg-type]
    "extra.safetensors": (lambda _: header({"a": entry() | {"b": 1}}, b"\0" * 8), "a has not just dtype"),
    "shape.safetensors": (lambda _: header({"a": entry(shape=[-2])}, b"\0" * 8), "a has a shape"),
    "fraction.safetensors": (lambda _: header({"a": entry(shape=[2.0])}, b"\0" * 8), "a has a shape"),
    "true.safetensors": (lambda _: header({"a": entry(shape=[True, 2])}, b"\0" * 8), "a has a shape"),
    "axes.safetensors": (lambda _: header({"a": entry(shape=[1] * 99 + [2])}, b"\0" * 8), "at most 64 whole numbers"),
    "huge.safetensors": (
        lambda _: header({"a": entry(shape=[1 << 61] * 60)}, b"\0" * 8),
        "a has 8 bytes, expected an int",
    ),
    "negative.safetensors": (lambda _: header({"a": entry(offsets=[-8, 0])}, b"\0" * 8), "a has data_offsets"),
    "backwards.safetensors": (lambda _: header({"a": entry(offsets=[8, 0])}, b"\0" * 8), "a has -8 bytes"),
    "short.safetensors": (lambda _: header({"a": entry()}, b"\0" * 7), "take 8 bytes, and there are 7"),
    "rest.safetensors": (lambda _: header({"a": entry()}, b"\0" * 9), "take 8 bytes, and there are 9"),
    "hole.safetensors": (lambda _: header({"a": entry(offsets=[8, 16])}, b"\0" * 16), "a begins at byte 8, where 0"),
    "shared.safetensors": (lambda _: header({"a": entry(), "b": entry()}, b"\0" * 8), "b begins at byte 0, where 8"),
    "about.safetensors": (lambda _: header({"__metadata__": {"a": 1}, "a": entry()}, b"\0" * 8), "are not texts"),
    "lines.safetensors": (lambda _: header({"a\nb\x1b": entry("F4")}, b"\0" * 8), "'a\\nb\\x1b' has the dtype"),
}
"""By file name: its content, made from the weights of a small network, and its message."""


def write_hostile(name: str, weights: Weights, folder: Path) -> Path:
    path = folder / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of some types
        path.write_bytes(HOSTILE[name][0](weights))
    return path
