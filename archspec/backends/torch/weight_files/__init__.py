"""Files of weights: whatever reads or writes one goes through here."""

from __future__ import annotations

from archspec.backends.torch.weight_files.errors import WeightsError, WeightsWarning
from archspec.backends.torch.weight_files.reading import WeightFile, allowance, open_weights, read_data
from archspec.backends.torch.weight_files.stored import StoredTensor
from archspec.backends.torch.weight_files.writing import pack_safetensors, pack_torch

__all__ = [
    "StoredTensor",
    "WeightFile",
    "WeightsError",
    "WeightsWarning",
    "allowance",
    "open_weights",
    "pack_safetensors",
    "pack_torch",
    "read_data",
]
