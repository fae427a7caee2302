"""Weights that follow a network through its passes."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from archspec.carried import Carried, Piece, Step
from archspec.graph import Graph


def carry(graph: Graph, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The `state_dict` of a network that is equal to `weights`, one of the network before its passes.

    Tensors that no pass touched are the same objects.

    Raises:
        KeyError: a weight that a pass needs is not there.
    """
    current = dict(weights)
    for step in graph.carried:
        current = _follow(step, current)
    return current


def _follow(step: Step, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    made = {name: _made(carried, weights) for name, carried in step.items() if carried.pieces}
    used = {piece.name for carried in step.values() for piece in carried.pieces}
    gone = {name for name, carried in step.items() if not carried.pieces}
    return {name: weight for name, weight in weights.items() if name not in used | gone} | made


def _made(carried: Carried, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    parts = [_part(piece, weights) for piece in carried.pieces]
    return torch.cat(parts, carried.axis) if len(parts) > 1 and parts[0].ndim else parts[0].clone()


def _part(piece: Piece, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    weight = weights[piece.name]
    if piece.start is None or piece.stop is None:
        return weight
    return weight.narrow(piece.axis, piece.start, piece.stop - piece.start)
