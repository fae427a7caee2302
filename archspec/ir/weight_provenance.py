"""Where the weights of a rewritten network come from: data that a pass leaves behind, so that a checkpoint can follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class WeightSlice:
    """A weight of the network before, or along `axis` the part of it from `start` up to `stop`."""

    name: str
    axis: int = 0
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class ConcatenatedWeights:
    """Weights joined along `axis`; of scalars, the first."""

    pieces: tuple[WeightSource, ...]
    axis: int = 0


@dataclass(frozen=True, slots=True)
class BatchNormConstant:
    """One of the constants of the batch normalisation `name` in evaluation, which is y = factor · x + shift for each channel.

    Its factor is weight / √(running_var + eps), its shift bias - running_mean · factor; without `affine`, weight is 1 and bias 0.

    Followed by a rectification, y = factor · clamp(x, low, high) + shift, where low and high are the x at which y is 0:
    the one is finite where the factor is positive, the other where it is negative. `rectified` asks for the constants of this form;
    of a channel that is as good as constant, the factor is 0 then and the shift what the rectification leaves of it.
    """

    name: str
    eps: float
    affine: bool
    constant: Literal["factor", "shift", "low", "high"]
    rectified: bool = False


@dataclass(frozen=True, slots=True)
class ScaledWeight:
    """A weight times one number for each place on `axis`. With `groups`, its input channels, on axis 1, are those of one group."""

    weight: WeightSource
    factor: WeightSource
    axis: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class ConstantInputResponse:
    """What a convolution or a linear layer with this weight and no bias makes of an input that has one number in each channel."""

    weight: WeightSource
    values: WeightSource
    groups: int = 1


@dataclass(frozen=True, slots=True)
class WeightSum:
    """Weights of one shape, added up."""

    parts: tuple[WeightSource, ...]


@dataclass(frozen=True, slots=True)
class StackedWeights:
    """Weights of equal shapes one after the other, as a tensor of the sizes `shape`."""

    parts: tuple[WeightSource, ...]
    shape: tuple[int, ...]


WeightSource = (
    WeightSlice
    | ConcatenatedWeights
    | BatchNormConstant
    | ScaledWeight
    | ConstantInputResponse
    | WeightSum
    | StackedWeights
)
"""How a weight of the network after a pass is made of those before."""

DROPPED = ConcatenatedWeights(())
"""For a weight of the network before that the pass leaves out."""

WeightMap = Mapping[str, WeightSource]
"""What one pass did, by the names of the weights after it. Weights that it does not name are as they were, by name."""


def find_source_weights(source: WeightSource) -> Iterator[str]:
    """The names of the weights before that a weight is made of."""
    match source:
        case WeightSlice(name=name):
            yield name
        case BatchNormConstant(name=name, affine=affine):
            learned = ("weight", "bias") if affine else ()
            yield from (f"{name}.{part}" for part in (*learned, "running_mean", "running_var"))
        case ConcatenatedWeights(pieces=inner) | WeightSum(parts=inner) | StackedWeights(parts=inner):
            yield from (name for part in inner for name in find_source_weights(part))
        case ScaledWeight(weight=weight, factor=other) | ConstantInputResponse(weight=weight, values=other):
            yield from (*find_source_weights(weight), *find_source_weights(other))
