"""Activations: elementwise functions, never in place."""

from __future__ import annotations

from typing import ClassVar

from archspec.ops.base import Call, Op
from archspec.shape import Shape


class Activation(Op):
    """A function of each element by itself."""

    elementwise: ClassVar[bool] = True
    module: ClassVar[str]
    """Its class in torch.nn."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call(f"torch.nn.{self.module}"),)


class ReLU(Activation):
    """Rectified linear unit: max(0, x)."""

    word: ClassVar[str] = "relu"
    module: ClassVar[str] = "ReLU"
