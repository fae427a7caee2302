"""The torch.fx back end, which builds a graph as a tree of GraphModules."""

from __future__ import annotations

from archspec import extras

extras.load_extra("torch", "building a network", "pip install 'archspec-nn[torch]'")

from archspec.codegen.fx.assemble import Checkpoint, build
from archspec.codegen.fx.block import find_blocks
from archspec.codegen.fx.checkpoint import copy_weights, load_weights
from archspec.codegen.fx.export import make_metadata
from archspec.codegen.fx.flat import flatten_model
from archspec.codegen.fx.modules import DropPath
from archspec.codegen.fx.weight_files import WeightReport, Weights
from archspec.codegen.fx.weight_map import choose_folding_dtype, map_weights

__all__ = [
    "Checkpoint",
    "DropPath",
    "WeightReport",
    "Weights",
    "build",
    "choose_folding_dtype",
    "copy_weights",
    "find_blocks",
    "flatten_model",
    "load_weights",
    "make_metadata",
    "map_weights",
]
