"""Maps weights through the passes of a network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archspec.codegen.fx.computed_weights import compute_weight
from archspec.ir.graph import Graph
from archspec.ir.weight_provenance import (
    BatchNormConstant,
    ComputedWeight,
    ConcatenatedWeights,
    ConstantInputResponse,
    NewWeight,
    RemovedWeight,
    ScaledWeight,
    StackedWeights,
    WeightMap,
    WeightSlice,
    WeightSource,
    WeightSum,
    find_source_weights,
)

Weights = Mapping[str, Tensor]

_STEEPEST = 1e30
"""A channel whose ReLU bound is at a larger |x| is treated as constant."""


def map_weights(graph: Graph, weights: Weights, *, since: int = 0) -> dict[str, Tensor]:
    """The `state_dict` of a network after its passes, from `weights`, a `state_dict` of the network before.

    `since` is the number of passes that the weights have been mapped through. Tensors that no pass changed are the same objects;
    the others are computed in float64 and rounded once. New weights of a pass are left out, as they keep their initial values.

    Raises:
        KeyError: a weight that a pass needs is missing.

    >>> import archspec
    >>> whole = archspec.load("cifar_resnet20_A")
    >>> part = whole.lesion(drop=["stage1.1"])
    >>> weights = whole.build().state_dict()
    >>> len(weights), len(map_weights(part.graph, weights))
    (116, 104)
    """
    current = dict(weights)
    with torch.no_grad():
        for weight_map in graph.weight_provenance[since:]:
            current = _apply_weight_map(weight_map, current)
    return current


def choose_folding_dtype(dtype: torch.dtype | None) -> torch.dtype | None:
    """The type in which weights are loaded before they are folded and rounded to `dtype`: float32 for a narrower one.

    >>> choose_folding_dtype(torch.bfloat16), choose_folding_dtype(torch.float64)
    (torch.float32, torch.float64)
    """
    return torch.float32 if dtype is not None and dtype.itemsize < torch.float32.itemsize else dtype


def _apply_weight_map(weight_map: WeightMap, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    kept = {name: weight for name, weight in weights.items() if name not in weight_map}
    made = {
        name: _make_weight(source, weights)
        for name, source in weight_map.items()
        if not isinstance(source, NewWeight | RemovedWeight)
    }
    return kept | made


def _make_weight(source: WeightSource, weights: Weights) -> Tensor:
    """Computes a weight as a new tensor in the precision of its sources."""
    first = weights[next(find_source_weights(source))]
    if isinstance(source, WeightSlice | ConcatenatedWeights):
        return _evaluate_source(source, weights).clone()
    return _evaluate_source(source, weights).to(first.dtype).contiguous()


def _evaluate_source(source: WeightSource, weights: Weights) -> Tensor:
    match source:
        case WeightSlice():
            return _slice_weight(source, weights[source.name])
        case ConcatenatedWeights(pieces=pieces, axis=axis):
            parts = [_evaluate_source(piece, weights) for piece in pieces]
            return torch.cat(parts, axis) if len(parts) > 1 and parts[0].ndim else parts[0]
        case BatchNormConstant():
            return _batchnorm_constant(source, weights)
        case ScaledWeight(weight=weight, factor=by, axis=axis, groups=groups):
            return _scale_weight(
                _evaluate_source(weight, weights).double(), _evaluate_source(by, weights).double(), axis, groups
            )
        case ConstantInputResponse(weight=weight, values=values, groups=groups):
            scaled = _scale_weight(
                _evaluate_source(weight, weights).double(), _evaluate_source(values, weights).double(), 1, groups
            )
            return scaled.flatten(1).sum(1)
        case WeightSum(parts=addends):
            return torch.stack([_evaluate_source(part, weights).double() for part in addends]).sum(0)
        case ComputedWeight(tensors=tensors):
            return compute_weight(source, [_evaluate_source(part, weights).double() for part in tensors])
        case StackedWeights(parts=stacked, shape=shape):
            return torch.stack([_evaluate_source(part, weights).double() for part in stacked]).reshape(shape)


def _slice_weight(piece: WeightSlice, weight: Tensor) -> Tensor:
    if piece.start is None or piece.stop is None:
        return weight
    return weight.narrow(piece.axis, piece.start, piece.stop - piece.start)


def _scale_weight(weight: Tensor, by: Tensor, axis: int, groups: int) -> Tensor:
    if groups == 1:
        return weight * by.reshape(-1, *(1,) * (weight.ndim - axis - 1))
    outputs, inputs = weight.shape[0] // groups, weight.shape[1]
    rows = by.reshape(groups, inputs).repeat_interleave(outputs, 0)
    return weight * rows.reshape(*rows.shape, *(1,) * (weight.ndim - 2))


def _batchnorm_constant(norm: BatchNormConstant, weights: Weights) -> Tensor:
    mean, var = (weights[f"{norm.name}.{part}"].double() for part in ("running_mean", "running_var"))
    factor = (var + norm.eps).rsqrt()
    if norm.affine:
        factor = factor * weights[f"{norm.name}.weight"].double()
    shift = -mean * factor
    if norm.affine:
        shift = shift + weights[f"{norm.name}.bias"].double()
    flat = factor.abs() * _STEEPEST <= shift.abs() if norm.rectified else torch.zeros_like(factor, dtype=torch.bool)
    match norm.constant:
        case "factor":
            return factor.masked_fill(flat, 0.0)
        case "shift":
            return torch.where(flat, shift.relu(), shift)
        case "low":
            return torch.where(flat | (factor < 0), -torch.inf, -shift / factor)
        case "high":
            return torch.where(flat | (factor > 0), torch.inf, -shift / factor)
