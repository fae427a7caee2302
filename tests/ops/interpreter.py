"""A minimal interpreter of lowerings with torch."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from archspec.ops.base import Batch, Call, Operand, Result


class Lowered(nn.Module):
    """A lowering as a module; the one stateful call, if any, is its attribute `op`."""

    def __init__(self, calls: tuple[Call, ...], device: str) -> None:
        super().__init__()
        self.calls = calls
        for call in calls:
            if call.target == "torch.nn.Parameter":
                self.op: Any = nn.Parameter(torch.zeros(call.options["shape"], device=device))
            elif call.target == "torch.nn.Buffer":
                data = call.options["data"]
                with torch.device(device):
                    made = _target(data.target)(**data.options)
                self.op = nn.Buffer(made, persistent=call.options["persistent"])
            elif call.stateful:
                with torch.device(device):
                    self.op = _target(call.target)(**call.options)
                if call.parametrization is not None:
                    _target(call.parametrization.target)(self.op, **call.parametrization.options)

    def forward(self, *inputs: torch.Tensor) -> Any:
        results: list[Any] = []
        for call in self.calls:
            args = _resolved(call.args, inputs, results)
            keywords = {name: _resolved(value, inputs, results) for name, value in call.keywords.items()}
            results.append(self._run(call, args, keywords))
        return results[-1] if results else inputs[0]

    def _run(self, call: Call, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if call.is_tensor:
            return self.op
        if call.stateful:
            return self.op(*args, **keywords)
        if call.target.startswith("."):
            return getattr(args[0], call.target[1:])(*args[1:], **keywords)
        return _target(call.target)(*args, **keywords)

    def tensors(self) -> list[tuple[str, tuple[int, ...], bool]]:
        """Name below the op, shape, and whether it is a parameter, in the order of the `state_dict`."""
        trained = {name for name, _ in self.named_parameters()}
        return [
            (name.removeprefix("op").removeprefix("."), tuple(tensor.shape), name in trained)
            for name, tensor in self.state_dict().items()
        ]


def _target(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _resolved(value: Any, inputs: tuple[torch.Tensor, ...], results: list[Any]) -> Any:
    if isinstance(value, tuple):
        return tuple(_resolved(part, inputs, results) for part in value)
    if isinstance(value, Operand):
        return inputs[value.index]
    if isinstance(value, Result):
        return results[value.index]
    return inputs[value.index].shape[0] if isinstance(value, Batch) else value
