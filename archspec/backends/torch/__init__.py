"""The back end of torch.fx: a graph becomes a tree of GraphModules."""

from __future__ import annotations

from archspec.backends.torch.assemble import build
from archspec.backends.torch.carry import carry
from archspec.backends.torch.checkpoint import WeightsError, load_weights, put
from archspec.backends.torch.export import WRITERS, ExportError, metadata
from archspec.backends.torch.flat import flatten
from archspec.backends.torch.modules import DropPath

__all__ = [
    "WRITERS",
    "DropPath",
    "ExportError",
    "WeightsError",
    "build",
    "carry",
    "flatten",
    "load_weights",
    "metadata",
    "put",
]
