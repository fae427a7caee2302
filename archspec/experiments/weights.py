"""Weights in files, by their names in the `state_dict`."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archspec import extras, files
from archspec.backends.torch.checkpoint import WeightsError, read
from archspec.experiments.track import ExperimentError

SUFFIXES = (".safetensors", ".pt", ".pth")


def check_suffix(path: Path) -> None:
    """Raises `ExperimentError` where a file's name does not say which kind of weights it has."""
    if path.suffix not in SUFFIXES:
        raise ExperimentError(f"weights are in files that end in {', '.join(SUFFIXES)}, not {path.name!r}")


def save(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Writes weights, all or nothing, as the file's ending says. Raises `ExperimentError` and OSError."""
    check_suffix(path)
    plain = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    files.write(path, _safetensors().save(plain) if path.suffix == ".safetensors" else packed(plain))


def load(path: Path) -> dict[str, Tensor]:
    """Reads weights. Raises `ExperimentError`, also where a file holds anything but tensors by name, and OSError."""
    check_suffix(path)
    try:
        return read(path)
    except WeightsError as error:
        raise ExperimentError(str(error)) from None


def fit(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Gives a network its weights out of those of the network that it comes from. Raises `ExperimentError`.

    A network without some blocks needs fewer than there are; that is fine.
    """
    wanted = model.state_dict()
    for name, own in wanted.items():
        if name not in weights:
            raise ExperimentError(f"the weights have no {name}")
        if weights[name].shape != own.shape:
            raise ExperimentError(
                f"{name} is {list(weights[name].shape)} in the weights, {list(own.shape)} in the network"
            )
    model.load_state_dict({name: weights[name] for name in wanted})


def packed(content: object) -> bytes:
    """What `torch.save` makes of plain data and tensors."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def unpacked(content: bytes, path: Path) -> Any:
    """Plain data and tensors that `torch.save` wrote; nothing in it is run. Raises `ExperimentError`."""
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ExperimentError(f"{path} is no file of torch: {str(error).splitlines()[0]}") from None


def _safetensors() -> Any:
    return extras.load("safetensors.torch", "writing safetensors", "pip install safetensors", ExperimentError)
