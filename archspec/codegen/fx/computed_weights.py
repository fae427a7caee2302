"""Computes the weights of layers with weight norm, spectral norm or standardised weights."""

from __future__ import annotations

import torch
from torch import Tensor

from archspec.ir.weight_provenance import ComputedWeight


def compute_weight(rule: ComputedWeight, tensors: list[Tensor]) -> Tensor:
    """The weight that a rule makes of its tensors, of which the first has the shape of the weight.

    >>> normed = ComputedWeight("weight_norm", ())
    >>> compute_weight(normed, [torch.tensor([[3.0, 4.0]]), torch.tensor([[10.0]])])
    tensor([[6., 8.]])
    """
    weight, *others = tensors
    match rule.rule:
        case "weight_norm":
            (length,) = others
            norm: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
            return weight * (length / norm.reshape_as(length))
        case "spectral_norm":
            rows, columns = others
            largest = rows @ (weight.movedim(rule.axis, 0).flatten(1) @ columns)
            return weight / largest
        case "standardise":
            return _standardise(weight, rule.eps, rule.gain, others)


def _standardise(weight: Tensor, eps: float, gain: float, others: list[Tensor]) -> Tensor:
    rows = weight.flatten(1)
    variance, mean = (part.unsqueeze(1) for part in (rows.var(1, correction=0), rows.mean(1)))
    standard: Tensor = ((rows - mean) * (variance + eps).rsqrt()).reshape_as(weight)
    return standard * (others[0] * (gain * rows.shape[1] ** -0.5)) if others else standard
