"""Reads and writes files of weights."""

from __future__ import annotations

from archspec.codegen.fx.weight_files.fit import WeightFit, WeightReport, compare_weights
from archspec.codegen.fx.weight_files.reading import WeightFile, compute_read_limit, open_weights, read_data
from archspec.codegen.fx.weight_files.sources import Weights
from archspec.codegen.fx.weight_files.stored import StoredTensor
from archspec.codegen.fx.weight_files.writing import pack_checkpoint, pack_safetensors, pack_torch

__all__ = [
    "StoredTensor",
    "WeightFile",
    "WeightFit",
    "WeightReport",
    "Weights",
    "compare_weights",
    "compute_read_limit",
    "open_weights",
    "pack_checkpoint",
    "pack_safetensors",
    "pack_torch",
    "read_data",
]
