"""Imports a model and checks its proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import archspec


def import_with_proof(name: str, make: Callable[[], nn.Module], sizes: Any) -> tuple[nn.Module, archspec.Architecture]:
    """The model, and the network of its import, which computes the same bit by bit and trains as the model does."""
    torch.manual_seed(0)
    model = make()
    result = archspec.imported(model, sizes, name=name)
    assert result.problems == ()
    assert result.proof is not None
    assert (result.proof.output_difference, result.proof.holds) == (0.0, True)
    assert result.proof.gradient_difference is not None
    return model, result.require()
