"""Finds the inputs of a model's submodules, which can be imported by themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from archspec.recording.leaf_modules import find_leaf_class
from archspec.recording.recorder import copy_without_data


def find_input_sizes(model: nn.Module, sizes: tuple[tuple[int, ...], ...]) -> dict[str, tuple[int, ...]]:
    """The sizes without the batch of the input of each submodule with weights, of more than one layer, that is called once, with one tensor.

    >>> find_input_sizes(nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Linear(3, 2))), ((4,),))
    {'1': (3,)}
    """
    bare = copy_without_data(model).eval()
    found: dict[str, list[Any]] = {}

    def note(name: str, args: tuple[Any, ...]) -> None:
        tensor = args[0] if len(args) == 1 and isinstance(args[0], Tensor) else None
        found.setdefault(name, []).append(tensor)

    hooks = [
        module.register_forward_pre_hook(lambda _, args, name=name: note(name, args))
        for name, module in bare.named_modules()
        if name and find_leaf_class(module) is None and any(True for _ in module.parameters())
    ]
    try:
        with suppress(Exception), torch.device("meta"), torch.no_grad():  # what ran before a fault is enough
            bare(*(torch.zeros(2, *size) for size in sizes))
    finally:
        for hook in hooks:
            hook.remove()
    return {
        name: tuple(given[0].shape[1:]) for name, given in found.items() if len(given) == 1 and given[0] is not None
    }
