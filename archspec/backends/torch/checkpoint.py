"""Weights from files: safetensors, torch's checkpoints, torchvision's own."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archspec import extras
from archspec.printable import escape_unprintable

TORCHVISION = "torchvision:"
_INSTALL = "pip install 'archspec-nn[export]'"
_SHOWN = 12
_WRAPPERS = ("state_dict", "model")
"""Keys under which checkpoints keep the weights beside other things."""


class WeightsError(ValueError):
    """Weights that cannot be read, or that are not those of the network."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How weights fit a network: keys that only one side has, and those of another shape (expected, got)."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @property
    def exact(self) -> bool:
        return not (self.missing or self.unexpected or self.misshaped)

    def __str__(self) -> str:
        rows = [("missing", escape_unprintable(key), "") for key in self.missing]
        rows += [("unexpected", escape_unprintable(key), "") for key in self.unexpected]
        rows += [
            ("mis-shaped", escape_unprintable(key), f"expected {_sizes(expected)}, got {_sizes(got)}")
            for key, (expected, got) in self.misshaped.items()
        ]
        width = max((len(key) for _, key, _ in rows), default=0)
        lines: list[str] = []
        for what in ("missing", "unexpected", "mis-shaped"):
            chosen = [row for row in rows if row[0] == what]
            lines += [f"  {kind:10}  {key:{width}}  {detail}".rstrip() for kind, key, detail in chosen[:_SHOWN]]
            if len(chosen) > _SHOWN:
                lines.append(f"  {what:10}  and {len(chosen) - _SHOWN} more")
        return "\n".join(lines)


def load_weights(model: nn.Module, weights: str | Path, *, strict: bool = True) -> Fit:
    """Puts weights into a network; not `strict`, those that fit.

    Raises:
        WeightsError: they cannot be read, or they are not those of the network and `strict` is asked for. Then the network is
            as it was.
        OSError: the file cannot be read.
    """
    found = read(weights)
    own = model.state_dict()
    fit = compare(own, found)
    if strict and not fit.exact:
        raise WeightsError(f"{weights}: these are not the weights of this network\n{fit}")
    put({key: found[key] for key in own if key in found and key not in fit.misshaped}, own)
    return fit


def load_own_weights(model: nn.Module, weights: str | Path) -> None:
    """Puts the weights of a whole network into a part of it. Raises as `load_weights` does, where one of its own is missing."""
    found, own = read(weights), model.state_dict()
    fit = compare(own, {key: found[key] for key in own if key in found})
    if not fit.exact:
        raise WeightsError(f"{weights}: these are not the weights of this network\n{fit}")
    put({key: found[key] for key in own}, own)


def put(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Copies weights into those of a network, `own`, its `state_dict`.

    torch's `load_state_dict` looks through all keys of a module for each of its children: thousands of blocks take it minutes.
    """
    with torch.no_grad():
        for key, weight in weights.items():
            own[key].copy_(weight)


def compare(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Fit:
    """How the weights `found` fit a network that has `own`."""
    shapes = {key: (tuple(own[key].shape), tuple(found[key].shape)) for key in own if key in found}
    return Fit(
        tuple(key for key in own if key not in found),
        tuple(key for key in found if key not in own),
        {key: (expected, got) for key, (expected, got) in shapes.items() if expected != got},
    )


def read(weights: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name, or of `torchvision:NAME`. Raises `WeightsError`, `OSError`."""
    if str(weights).startswith(TORCHVISION):
        return _torchvision(str(weights).removeprefix(TORCHVISION))
    path = Path(weights)
    with path.open("rb") as file:
        start = file.read(9)
    found = _safetensors(path) if path.suffix == ".safetensors" or start[8:9] == b"{" else _checkpoint(path)
    if not isinstance(found, Mapping) or not all(isinstance(one, Tensor) for one in found.values()):
        raise WeightsError(f"{path}: expected tensors by name, got something else")
    return dict(found)


def _safetensors(path: Path) -> Any:
    package = extras.load("safetensors", "reading safetensors", _INSTALL, WeightsError)
    load = extras.load("safetensors.torch", "reading safetensors", _INSTALL, WeightsError).load
    try:
        return load(path.read_bytes())
    except (package.SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file: {error}") from error


def _checkpoint(path: Path) -> Any:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        # the file was there a moment ago: an OSError is of a seek to where the lost part was
        # what torch says of a pickle that it refuses is advice to trust it, which is none to pass on
        said = "" if isinstance(error, pickle.UnpicklingError) else f": {str(error).strip().partition(chr(10))[0]}"
        raise WeightsError(f"{path}: neither safetensors nor a whole torch checkpoint of tensors{said}") from error
    for key in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            return found[key]
    return found


def _torchvision(name: str) -> dict[str, Tensor]:
    models = extras.load("torchvision.models", f"{TORCHVISION}{name}", "pip install torchvision", WeightsError)
    if name not in models.list_models():
        raise WeightsError(f"torchvision has no network {name!r}")
    state: dict[str, Tensor] = models.get_model(name, weights="DEFAULT").state_dict()
    return state


def _sizes(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes)) or "a scalar"
