"""Saves and loads weights by their names in the `state_dict`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from archspec import files
from archspec.codegen.fx.checkpoint import copy_weights
from archspec.codegen.fx.weight_files import compare_weights
from archspec.experiments.track import ExperimentError
from archspec.formats import find_format


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Writes weights and their digest atomically, in the format of the file's ending. Raises `ExportError` and OSError."""
    pack = find_format(path, "weights").load_writer()
    plain = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    files.write_atomically(path, pack(plain, {}))


def fit_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Loads weights into a network. Weights that it lacks are ignored; raises `ExperimentError` if one is missing."""
    own = model.state_dict()
    fit = compare_weights(own, weights)
    for name in fit.missing:
        raise ExperimentError(f"the weights have no {name}")
    for name, (expected, got) in fit.misshaped.items():
        raise ExperimentError(f"{name} is {list(got)} in the weights, {list(expected)} in the network")
    for name, (dtype, other) in fit.mistyped.items():
        raise ExperimentError(f"{name} is of {other} in the weights, of {dtype} in the network")
    copy_weights({name: weights[name] for name in own if name in weights}, own)
