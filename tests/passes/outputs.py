"""Compares the outputs of networks before and after a pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import archspec

TOLERANCE = 1e-5
"""The tolerance in float32, relative to the largest output."""


def evaluated(arch: archspec.Architecture, dtype: torch.dtype = torch.float64) -> nn.Module:
    """The network in evaluation, with random statistics, factors and shifts of both signs, some of them 0."""
    model = arch.build(dtype=dtype).eval()
    generator = torch.Generator().manual_seed(1)
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    calm = min(1.0, 8 / max(1, len(norms)) ** 0.5)
    for norm in norms:
        drawn = torch.rand(4, norm.num_features, generator=generator, dtype=torch.float64)
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.copy_((drawn[0] - 0.5) / 2)
            norm.running_var.copy_(drawn[1] + 0.5)
        if norm.affine:
            norm.weight.data.copy_((2 * drawn[2] - 0.5) * calm)
            norm.bias.data.copy_((drawn[3] - 0.5) * calm)
            norm.weight.data[0] = 0.0
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():
            parameter.data.normal_(0, 0.1, generator=generator)
    return model


def inputs(arch: archspec.Architecture) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(
        torch.zeros(2, *value.shape.sizes, dtype=torch.long)
        if arch.graph.holds_indices(value)
        else torch.randn(2, *value.shape.sizes, dtype=torch.float64, generator=generator)
        for value in arch.graph.inputs.values()
    )


def results(model: nn.Module, given: tuple[Tensor, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    with torch.inference_mode():
        made = model(*[one.to(dtype) if one.is_floating_point() else one for one in given])
    return made if isinstance(made, tuple) else (made,)


def distance(expected: tuple[Tensor, ...], got: tuple[Tensor, ...]) -> float:
    """The largest difference relative to the largest output, or absolute if all outputs are 0 or False."""
    pairs = ((wanted.double(), given.double()) for wanted, given in zip(expected, got, strict=True))
    return max(float((wanted - given).abs().max() / (wanted.abs().max() or 1)) for wanted, given in pairs)
