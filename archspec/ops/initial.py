"""Defines the initialisation of weights: the schemes of torch.nn.init as data."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_REAL = 1e38
"""The largest absolute value of a number, which float32 can represent."""
Positive = Annotated[float, Field(gt=0, le=MAX_REAL)]
Real = Annotated[float, Field(ge=-MAX_REAL, le=MAX_REAL)]


class Init(BaseModel):
    """How a tensor is initialised: one of the schemes of torch.nn.init.

    `gain`, for xavier and orthogonal, multiplies; `nonlinearity` and `slope`, for kaiming, choose its gain; `std` and `mean`
    are those of a normal distribution, cut at `low` and `high` (absolute values) if it is `trunc_normal`; `low` and `high` are
    the ends of a uniform one.

    >>> Init(kind="kaiming_normal", mode="fan_out").needs_fans
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, allow_inf_nan=False)

    kind: Literal[
        "kaiming_normal",
        "kaiming_uniform",
        "xavier_normal",
        "xavier_uniform",
        "normal",
        "trunc_normal",
        "uniform",
        "constant",
        "orthogonal",
    ]
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Literal["relu", "leaky_relu", "linear", "sigmoid", "tanh", "selu"] = "relu"
    slope: Real = 0.0
    gain: Real = 1.0
    mean: Real = 0.0
    std: Annotated[float, Field(ge=0, le=MAX_REAL)] = 1.0
    low: Real | None = None
    high: Real | None = None
    value: Real = 0.0

    @model_validator(mode="after")
    def _ends_in_order(self) -> Self:
        low, high = _ENDS.get(self.kind, (0.0, 0.0))
        if (low if self.low is None else self.low) > (high if self.high is None else self.high):
            raise ValueError("a low end that is not above the high one")
        return self

    @property
    def needs_fans(self) -> bool:
        """Whether the scheme depends on fan-in and fan-out, and so needs a weight of at least two axes."""
        return self.kind.startswith(("kaiming", "xavier", "orthogonal"))


_ENDS = {"trunc_normal": (-2.0, 2.0), "uniform": (0.0, 1.0)}
"""The default `low` and `high` of a distribution."""

Initial = Init | Real  # a number stands for a constant


def name_initial(weight: Initial | None, bias: Initial | None = None) -> dict[str, Initial]:
    """The given initialisations of a weight and a bias, by name."""
    return {name: initial for name, initial in (("weight", weight), ("bias", bias)) if initial is not None}
