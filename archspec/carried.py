"""Where the weights of a rewritten network come from: data that a pass leaves behind, so that a checkpoint can follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Piece:
    """A weight of the network before, or along `axis` the part of it from `start` up to `stop`."""

    name: str
    axis: int = 0
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """Weights joined along `axis`; of scalars, the first."""

    pieces: tuple[Carried, ...]
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Norm:
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
class Times:
    """A weight times one number for each place on `axis`. With `groups`, its input channels, on axis 1, are those of one group."""

    weight: Carried
    by: Carried
    axis: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Through:
    """What a convolution or a linear layer with this weight and no bias makes of an input that has one number in each channel."""

    weight: Carried
    values: Carried
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Sum:
    """Weights of one shape, added up."""

    parts: tuple[Carried, ...]


@dataclass(frozen=True, slots=True)
class Stacked:
    """Weights of equal shapes one after the other, as a tensor of the sizes `shape`."""

    parts: tuple[Carried, ...]
    shape: tuple[int, ...]


Carried = Piece | Joined | Norm | Times | Through | Sum | Stacked
"""How a weight of the network after a pass is made of those before."""

GONE = Joined(())
"""For a weight of the network before that the pass leaves out."""

Step = Mapping[str, Carried]
"""What one pass did, by the names of the weights after it. Weights that it does not name are as they were, by name."""


def needed(carried: Carried) -> Iterator[str]:
    """The names of the weights before that a weight is made of."""
    match carried:
        case Piece(name=name):
            yield name
        case Norm(name=name, affine=affine):
            learned = ("weight", "bias") if affine else ()
            yield from (f"{name}.{part}" for part in (*learned, "running_mean", "running_var"))
        case Joined(pieces=inner) | Sum(parts=inner) | Stacked(parts=inner):
            yield from (name for part in inner for name in needed(part))
        case Times(weight=weight, by=other) | Through(weight=weight, values=other):
            yield from (*needed(weight), *needed(other))
