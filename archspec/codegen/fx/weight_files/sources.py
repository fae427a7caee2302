"""Opens sources of weights: a file, shards, a folder of a model, a mapping in memory, or a library's network by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archspec import extras, hub
from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.weight_files.libraries import LIBRARIES, load_library_weights
from archspec.codegen.fx.weight_files.reading import open_weights
from archspec.codegen.fx.weight_files.shards import INDEX, find_weights_in, open_shards

Weights = str | os.PathLike[str] | Mapping[str, Any] | nn.Module
"""The types that weights may be given as."""
_PART = "#"
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Opened weights: their data, and the function that reads tensors."""

    name: str
    tree: Any
    load: Callable[[Mapping[str, Any]], dict[str, Tensor]]
    part: str = ""
    """The requested part, a key path or a prefix, from after the `#`."""
    is_file: bool = False

    def advise_part(self, part: str) -> str:
        """Advice on how to request one of several parts."""
        return (
            f"name the one that is meant: {self.name}{_PART}{part}"
            if self.is_file
            else f"give one of them, such as {part}, alone"
        )


@contextmanager
def open_source(weights: Weights, *, limit: int | None = None) -> Iterator[WeightSource]:
    """Opens weights; at most `limit` bytes of files are read. Raises `WeightsError` and OSError."""
    if isinstance(weights, nn.Module):
        weights = weights.state_dict()
    if isinstance(weights, Mapping):
        yield WeightSource("weights", _to_tensors(weights, 0), dict)
        return
    if not isinstance(weights, str | os.PathLike):
        raise WeightsError(f"expected a file of weights or a mapping of tensors by name, got {type(weights).__name__}")
    if not str(weights):
        raise WeightsError("expected a file of weights, got an empty name")
    if str(weights).startswith(("http:/", "https:/")):
        help = "download the file first; torchvision:NAME, timm:NAME and hub:ORG/NAME fetch"
        raise WeightsError(f"{weights}: an address, of which archspec fetches nothing", help=help)
    library, colon, name = str(weights).partition(":")
    if colon and library in LIBRARIES:
        yield WeightSource(str(weights), load_library_weights(library, name), dict)
        return
    if str(weights).startswith(hub.PREFIX):
        weights = _fetch_weights(str(weights))
    path, part = _split_part(Path(weights))
    with _open_path(find_weights_in(path) if path.is_dir() else path, limit) as opened:
        yield WeightSource(str(path), opened.tree, opened.load, part, is_file=True)


def _fetch_weights(address: str) -> Path:
    """Downloads the weights of a repository; a part behind `#` stays in the path. Raises `WeightsError`."""
    address, mark, part = address.partition(_PART)
    try:
        folder = hub.fetch_folder(address, weights=True)
    except hub.HubError as error:
        raise WeightsError(error.message, help=error.help) from error
    except extras.UnavailableError as error:
        raise WeightsError(str(error)) from error
    return folder.with_name(f"{folder.name}{mark}{part}")


def _open_path(path: Path, limit: int | None) -> Any:
    return open_shards(path, limit=limit) if path.name.endswith(INDEX) else open_weights(path, limit=limit)


def _split_part(path: Path) -> tuple[Path, str]:
    """A file and its requested part, as in `last.pth#ema`, unless a file has that whole name."""
    name, mark, part = path.name.rpartition(_PART)
    return (path.with_name(name), part) if mark and name and not os.path.lexists(path) else (path, "")


def _to_tensors(content: Any, depth: int) -> Any:
    """The mappings with NumPy arrays as tensors."""
    if isinstance(content, Mapping) and depth < _DEEPEST:
        return {key: _to_tensors(part, depth + 1) for key, part in content.items()}
    if isinstance(content, Tensor):
        return content.detach()
    if type(content).__module__ == "numpy" and hasattr(content, "dtype"):
        return _from_array(content)
    return content


def _from_array(array: Any) -> Any:
    """A tensor with the values of an array; the array itself if torch lacks its type."""
    try:
        return torch.from_numpy(array.copy() if array.ndim else array.reshape(()).copy())
    except (TypeError, ValueError):
        return array
