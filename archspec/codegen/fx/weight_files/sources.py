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

from archspec import extras
from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.weight_files.reading import open_weights
from archspec.codegen.fx.weight_files.shards import INDEX, find_weights_in, open_shards

Weights = str | os.PathLike[str] | Mapping[str, Any] | nn.Module
"""The types that weights may be given as."""
LIBRARIES = ("torchvision", "timm")
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
        help = "download the file first; torchvision:NAME and timm:NAME fetch those of these libraries"
        raise WeightsError(f"{weights}: an address, of which archspec fetches nothing", help=help)
    library, colon, name = str(weights).partition(":")
    if colon and library in LIBRARIES:
        yield WeightSource(str(weights), _LOADERS[library](name), dict)
        return
    path, part = _split_part(Path(weights))
    with _open_path(find_weights_in(path) if path.is_dir() else path, limit) as opened:
        yield WeightSource(str(path), opened.tree, opened.load, part, is_file=True)


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


def _load_torchvision(name: str) -> dict[str, Tensor]:
    models = extras.load_extra("torchvision.models", f"torchvision:{name}", "pip install torchvision", WeightsError)
    if name not in models.list_models():
        raise WeightsError(f"torchvision has no network {name!r}")
    return _get_state(f"torchvision:{name}", lambda: models.get_model(name, weights="DEFAULT"))


def _load_timm(name: str) -> dict[str, Tensor]:
    timm = extras.load_extra("timm", f"timm:{name}", "pip install timm", WeightsError)
    if name.partition(".")[0] not in timm.list_models():
        raise WeightsError(f"timm has no network {name!r}")
    return _get_state(f"timm:{name}", lambda: timm.create_model(name, pretrained=True))


def _get_state(source: str, create: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """The weights of a library's network, which its loader may download."""
    try:
        return create().state_dict()
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise WeightsError(f"{source}: its weights could not be loaded: {reason}") from error


_LOADERS = {"torchvision": _load_torchvision, "timm": _load_timm}
