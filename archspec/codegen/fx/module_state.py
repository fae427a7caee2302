"""Reads the weights of a module, each under one name."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def find_aliases(module: nn.Module) -> dict[str, str]:
    """The names of tensors that a module has under an earlier name, too, with that one: those of tied weights.

    >>> pair = nn.ModuleDict({"encoder": nn.Linear(2, 2, bias=False), "decoder": nn.Linear(2, 2, bias=False)})
    >>> pair["decoder"].weight = pair["encoder"].weight
    >>> find_aliases(pair)
    {'decoder.weight': 'encoder.weight'}
    """
    first: dict[int, str] = {}
    named = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    return {name: first[id(tensor)] for name, tensor in named if first.setdefault(id(tensor), name) != name}


def read_state(module: nn.Module) -> dict[str, Any]:
    """The `state_dict` of a module with each tensor once, under the first of its names.

    >>> sorted(read_state(nn.Linear(2, 2)))
    ['bias', 'weight']
    """
    aliases = find_aliases(module)
    return {name: own for name, own in module.state_dict().items() if not (isinstance(own, Tensor) and name in aliases)}
