"""Weights that are computed from learned tensors at each call: weight norm and spectral norm, as in torch.nn.utils.parametrizations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.ops.base import Call, Count, Op, Weight
from archspec.ops.rules import keep_non_defaults

Rule = Literal["weight_norm", "spectral_norm"]

Parametrization = Annotated[
    Rule | None,
    Field(
        description="what computes the weight, as in torch.nn.utils.parametrizations: weight_norm, a learned direction and length for "
        "each index of its first axis (Salimans and Kingma 2016, arXiv:1602.07868), or spectral_norm, the division by its largest "
        "singular value (Miyato et al. 2018, arXiv:1802.05957); absent for a weight that is learned itself"
    ),
]
"""The type of the field `parametrization` of ops that own a weight."""
Iterations = Annotated[
    Count, Field(description="with spectral_norm: steps of the power iteration at each call in training")
]

PREFIX = "parametrizations.weight"
"""The scope in which torch keeps the tensors of a parametrized weight."""


class Parametrized(Op):
    """A mixin for ops whose weight is computed: the op `plain` with other weights.

    >>> from archspec.ops import BY_WORD
    >>> linear = BY_WORD["linear"](out=2, bias=False, parametrization="weight_norm").specialised()
    >>> [(weight.name, weight.shape) for weight in linear.weights(Shape.of(3))]
    [('parametrizations.weight.original0', (2, 1)), ('parametrizations.weight.original1', (2, 3))]
    """

    plain_class: ClassVar[type[Op]]
    """The op with a weight of its own."""
    spectral_axis: ClassVar[int] = 0
    """The axis of the weight that is the rows of the matrix whose largest singular value is 1."""

    parametrization: Parametrization = None
    iterations: Iterations = 1

    def plain(self) -> Op:
        """The same op with a weight of its own, named `weight`."""
        return self.plain_class(**dict(self) | {"parametrization": None, "iterations": 1})

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        weight, *others = self.plain().weights(*inputs)
        return (*others, *self._tensors(weight.shape))

    def _tensors(self, shape: tuple[int, ...]) -> tuple[Weight, ...]:
        if self.parametrization == "weight_norm":
            length = (shape[0], *(1,) * (len(shape) - 1))
            return Weight(f"{PREFIX}.original0", length), Weight(f"{PREFIX}.original1", shape)
        rows = shape[self.spectral_axis]
        vectors = {"_u": rows, "_v": math.prod(shape) // rows}
        return (
            Weight(f"{PREFIX}.original", shape),
            *(Weight(f"{PREFIX}.0.{name}", (size,), trainable=False) for name, size in vectors.items()),
        )

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"n_power_iterations": self.iterations} if self.parametrization == "spectral_norm" else {}
        options = keep_non_defaults(n_power_iterations=(options.get("n_power_iterations", 1), 1))
        computed = Call(f"torch.nn.utils.parametrizations.{self.parametrization}", options)
        calls = self.plain().lower(*inputs)
        return tuple(replace(call, parametrization=computed) if call.stateful else call for call in calls)

    def check_initial(self, *inputs: Shape) -> None:
        self.plain().check_initial(*inputs)
