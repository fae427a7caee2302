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
DIFFERENTIABLE: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    **IN_PLACE,
    "hardswish": functional.hardswish,
    "silu": functional.silu,
}
"""In place only if the gradient needs only the result."""
