"""The back end of torch.fx: a graph becomes a tree of GraphModules."""

from __future__ import annotations

from archspec.backends.torch.assemble import Checkpoint, CheckpointWarning, build
from archspec.backends.torch.block import blocks
from archspec.backends.torch.carry import carry
from archspec.backends.torch.checkpoint import load_weights, put
from archspec.backends.torch.export import WRITERS, ExportError, metadata
from archspec.backends.torch.flat import flatten
from archspec.backends.torch.modules import DropPath
from archspec.backends.torch.weight_files import WeightsError, WeightsWarning

__all__ = [
    "WRITERS",
    "Checkpoint",
    "CheckpointWarning",
    "DropPath",
    "ExportError",
    "WeightsError",
    "WeightsWarning",
    "blocks",
    "build",
    "carry",
    "flatten",
    "load_weights",
    "metadata",
    "put",
]
