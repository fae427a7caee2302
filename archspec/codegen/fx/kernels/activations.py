"""The activations that kernels compute on their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from torch import Tensor
from torch.nn import functional

Activation = Literal["relu", "relu6", "hardswish", "silu"]

IN_PLACE: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu_,
    "relu6": lambda x: functional.relu6(x, inplace=True),
    "hardswish": lambda x: functional.hardswish(x, inplace=True),
    "silu": lambda x: functional.silu(x, inplace=True),
}


def activate(x: Tensor, name: str) -> Tensor:
    """An activation that can be differentiated: in place only if its gradient needs only its result."""
    if name == "relu":
        return functional.relu(x, inplace=True)
    if name == "relu6":
        return functional.relu6(x, inplace=True)
    return functional.hardswish(x) if name == "hardswish" else functional.silu(x)
