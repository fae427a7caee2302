"""Reads weights in several files with an index, as Hugging Face's libraries write them.

`model.safetensors.index.json` and `pytorch_model.bin.index.json` have a `weight_map` from each name to the file that has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.codegen.fx.weight_files.mappings import find_mappings
from archspec.codegen.fx.weight_files.reading import WeightFile, open_weights
from archspec.codegen.fx.weight_files.stored import ShardedTensor
from archspec.numerals import format_bytes

INDEX = ".index.json"
_NAMES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""The names of weight files in a folder of a model, in order of preference."""
_LONGEST = 1 << 26
_MOST = 4096


class ShardedWeights:
    """The open files of an index; `tree` has the tensors of all."""

    def __init__(self, tensors: dict[str, ShardedTensor]) -> None:
        self.tree = tensors

    def load(self, tensors: Mapping[str, ShardedTensor]) -> dict[str, Tensor]:
        """Reads tensors file by file. Raises `WeightsError` if one is damaged."""
        files = {id(tensor.file): tensor.file for tensor in tensors.values()}
        loaded: dict[str, Tensor] = {}
        for key, file in files.items():
            loaded |= file.load({name: part.stored for name, part in tensors.items() if id(part.file) == key})
        return {name: loaded[name] for name in tensors}


def find_weights_in(folder: Path) -> Path:
    """The file of weights or the index in the folder of a model; the folder itself if it has none."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), folder)


@contextmanager
def open_shards(index: Path, *, limit: int | None = None) -> Iterator[ShardedWeights]:
    """Opens all files that an index names. Raises `WeightsError` and OSError."""
    places = _read_index(index)
    with ExitStack() as stack:
        opened = {name: _open_shard(stack, index, name, limit) for name in dict.fromkeys(places.values())}
        tensors = {}
        for key, name in places.items():
            file, stored = opened[name]
            if key not in stored:
                raise WeightsError(f"{index}: {quote_name(key)} is not in {quote_name(name)}, where the index has it")
            tensors[key] = ShardedTensor(file, stored[key])
        yield ShardedWeights(tensors)


def _open_shard(stack: ExitStack, index: Path, name: str, limit: int | None) -> tuple[WeightFile, Mapping[str, Any]]:
    path = index.with_name(name)
    if not path.is_file():
        raise WeightsError(f"{index}: it names {quote_name(name)}, which is not beside it")
    file = stack.enter_context(open_weights(path, limit=limit))
    try:
        return file, next((mapping.tensors for mapping in find_mappings(file.tree) if not mapping.keys), {})
    except FormatError as error:
        raise WeightsError(f"{path}: {error}") from error


def _read_index(index: Path) -> dict[str, str]:
    """The file of each tensor. Raises `WeightsError` if the index is invalid or names a file outside its folder."""
    if index.stat().st_size > _LONGEST:
        raise WeightsError(f"{index}: an index of more than {format_bytes(_LONGEST)}")
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{index}: an index that is no JSON") from error
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise WeightsError(f"{index}: expected an index with a weight_map, the file of each tensor by its name")
    names = set(places.values())
    outside = next(
        (name for name in names if not name or Path(name).name != name or "\\" in name or "\0" in name), None
    )
    if outside is not None:
        raise WeightsError(f"{index}: it names {quote_name(outside)}, which is not a file beside it")
    if len(names) > _MOST:
        raise WeightsError(f"{index}: it names {len(names):,} files")
    return places
