"""Computes the digest of weights and of the data beside them: SHA-256 of names, types, shapes and bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from archspec.codegen.fx.weight_files.stored import StoredTensor

_ALGORITHM = "sha256"


def compute_digest(tree: Any, read: Callable[[StoredTensor], Tensor] | None = None) -> str:
    """The digest of mappings, lists, numbers, texts and tensors, independent of the order of mappings.

    Stored tensors are `read` one at a time, so that only one is in memory.

    >>> compute_digest({"a": torch.zeros(2), "b": 1}) == compute_digest({"b": 1, "a": torch.zeros(2)})
    True
    >>> compute_digest({"a": torch.zeros(2)}) == compute_digest({"a": torch.zeros(1, 2)})
    False
    """
    sha = hashlib.sha256()
    for piece in _iter_pieces(tree, read):
        sha.update(piece)
    return f"{_ALGORITHM}:{sha.hexdigest()}"


def _iter_pieces(tree: Any, read: Callable[[StoredTensor], Tensor] | None) -> Iterator[Any]:
    """Yields the bytes that encode data; each part is preceded by its kind and its length."""
    if isinstance(tree, StoredTensor) and read is not None:
        tree = read(tree)
    if isinstance(tree, Tensor):
        yield f"tensor {tree.dtype} {tuple(tree.shape)};".encode()
        flat = tree.detach().cpu().contiguous().reshape(-1)
        steady = flat.as_strided(flat.shape, (1,), flat.storage_offset())  # a single element may have any stride
        yield steady.view(torch.uint8).numpy()
    elif isinstance(tree, Mapping):
        yield f"mapping {len(tree)};".encode()
        for key in sorted(tree, key=lambda key: (type(key).__name__, key)):
            yield from _iter_pieces(key, read)
            yield from _iter_pieces(tree[key], read)
    elif isinstance(tree, list | tuple):
        yield f"{type(tree).__name__} {len(tree)};".encode()
        for part in tree:
            yield from _iter_pieces(part, read)
    else:
        text = tree if isinstance(tree, bytes) else repr(tree).encode()
        yield f"{type(tree).__name__} {len(text)};".encode()
        yield text
