"""Detects when a kernel that torch does not record must not run."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_PLAIN_TYPES = (Tensor, nn.Parameter)


def is_traced(values: Iterable[Tensor]) -> bool:
    """Whether operations are recorded for a gradient or a trace, or cast by autocast, which a kernel would bypass."""
    if (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._is_any_autocast_enabled()
    ):
        return True
    gradients = torch.is_grad_enabled()
    return any(type(value) not in _PLAIN_TYPES or (gradients and value.requires_grad) for value in values)
