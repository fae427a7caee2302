"""Weights that follow a network through its passes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archspec.carried import GONE, Carried, Joined, Norm, Piece, Stacked, Step, Sum, Through, Times, needed
from archspec.graph import Graph

Weights = Mapping[str, Tensor]

_STEEPEST = 1e30
"""A channel whose rectification begins at a larger |x| than this never gets there: it is constant."""


def carry(graph: Graph, weights: Weights, *, since: int = 0) -> dict[str, Tensor]:
    """The `state_dict` of a network that is equal to `weights`, one of the network before its passes.

    `since` is how many of its passes those weights have followed already. Tensors that no pass touched are the same objects.
    What is computed is computed in float64 and rounded once.

    Raises:
        KeyError: a weight that a pass needs is not there.
    """
    current = dict(weights)
    with torch.no_grad():
        for step in graph.carried[since:]:
            current = _follow(step, current)
    return current


def _follow(step: Step, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    made = {name: _result(carried, weights) for name, carried in step.items() if carried != GONE}
    gone = {name for carried in step.values() for name in needed(carried)}
    gone |= {name for name, carried in step.items() if carried == GONE}
    return {name: weight for name, weight in weights.items() if name not in gone} | made


def _result(carried: Carried, weights: Weights) -> Tensor:
    """A weight in the precision of those that it is made of, and as a tensor of its own."""
    first = weights[next(needed(carried))]
    if isinstance(carried, Piece | Joined):
        return _made(carried, weights).clone()
    return _made(carried, weights).to(first.dtype).contiguous()


def _made(carried: Carried, weights: Weights) -> Tensor:
    match carried:
        case Piece():
            return _part(carried, weights[carried.name])
        case Joined(pieces=pieces, axis=axis):
            parts = [_made(piece, weights) for piece in pieces]
            return torch.cat(parts, axis) if len(parts) > 1 and parts[0].ndim else parts[0]
        case Norm():
            return _constant(carried, weights)
        case Times(weight=weight, by=by, axis=axis, groups=groups):
            return _scaled(_made(weight, weights).double(), _made(by, weights).double(), axis, groups)
        case Through(weight=weight, values=values, groups=groups):
            scaled = _scaled(_made(weight, weights).double(), _made(values, weights).double(), 1, groups)
            return scaled.flatten(1).sum(1)
        case Sum(parts=addends):
            return torch.stack([_made(part, weights).double() for part in addends]).sum(0)
        case Stacked(parts=stacked, shape=shape):
            return torch.stack([_made(part, weights).double() for part in stacked]).reshape(shape)


def _part(piece: Piece, weight: Tensor) -> Tensor:
    if piece.start is None or piece.stop is None:
        return weight
    return weight.narrow(piece.axis, piece.start, piece.stop - piece.start)


def _scaled(weight: Tensor, by: Tensor, axis: int, groups: int) -> Tensor:
    if groups == 1:
        return weight * by.reshape(-1, *(1,) * (weight.ndim - axis - 1))
    outputs, inputs = weight.shape[0] // groups, weight.shape[1]
    rows = by.reshape(groups, inputs).repeat_interleave(outputs, 0)
    return weight * rows.reshape(*rows.shape, *(1,) * (weight.ndim - 2))


def _constant(norm: Norm, weights: Weights) -> Tensor:
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
