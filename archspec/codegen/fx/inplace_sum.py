"""Adds in place where nothing can tell."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch._jit_internal import is_scripting

_PLAIN_TYPES = (Tensor, nn.Parameter)


def add(x: Tensor, other: Tensor) -> Tensor:
    """`x + other`, in the memory of `x`, which has no other consumer.

    A new tensor is made where that would be seen, or could not be done: for operands of two types, of which the sum has the wider one
    (autocast), or of two shapes, under tracers, compilers, transforms of `torch.func` and in TorchScript. So a trace has `torch.add`,
    which passes that fuse or quantise look for.

    >>> x = torch.ones(2)
    >>> add(x, torch.ones(2)) is x
    True
    >>> add(torch.ones(2, dtype=torch.bfloat16), x).dtype
    torch.float32
    """
    if not is_scripting():  # noqa: SIM102 -- torch.jit.script leaves out what is inside
        if _can_overwrite(x, other):
            return x.add_(other)
    return torch.add(x, other)


def _can_overwrite(x: Tensor, other: Tensor) -> bool:
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    if torch._C._are_functorch_transforms_active() or type(x) is not Tensor or type(other) not in _PLAIN_TYPES:
        return False
    return x.dtype == other.dtype and x.shape == other.shape
