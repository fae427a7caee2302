"""Where the weights of a rewritten network come from: data that a pass leaves behind, so that a checkpoint can follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from archspec.errors import ArchspecError
from archspec.numerals import format_sizes

Sizes = tuple[int, ...]


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
    shape: Sizes


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


@dataclass(frozen=True, slots=True)
class NewWeight:
    """For a weight that is made of none before: it keeps the value that it is initialised with."""

    shape: Sizes


@dataclass(frozen=True, slots=True)
class RemovedWeight:
    """For a name that only the network before has a weight of: it was left out, or others are made of it."""


WeightMap = Mapping[str, WeightSource | NewWeight | RemovedWeight]
"""What one pass did, by the names of the weights before and after. Those that it does not name are as they were, by name."""


class WeightMapError(ArchspecError, ValueError):
    """Weights that cannot be made as a pass says."""


def find_source_weights(source: WeightSource) -> Iterator[str]:
    """The names of the weights before that a weight is made of.

    >>> list(find_source_weights(WeightSum((WeightSlice("a.weight"), WeightSlice("b.weight")))))
    ['a.weight', 'b.weight']
    """
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


def map_weight_shapes(weight_map: WeightMap, before: Mapping[str, Sizes]) -> dict[str, Sizes]:
    """The shapes of the weights after a pass, by name, from those before.

    Raises:
        WeightMapError: a weight is made of one that is not there, or of some whose shapes do not fit.

    >>> map_weight_shapes({"b": WeightSlice("a", 0, 0, 2), "a": RemovedWeight()}, {"a": (4, 3), "c": (1,)})
    {'c': (1,), 'b': (2, 3)}
    """
    after = {name: shape for name, shape in before.items() if name not in weight_map}
    for name, source in weight_map.items():
        if isinstance(source, NewWeight):
            after[name] = source.shape
        elif not isinstance(source, RemovedWeight):
            after[name] = _infer_shape(source, before)
    return after


def _infer_shape(source: WeightSource, shapes: Mapping[str, Sizes]) -> Sizes:
    """The shape of a weight that is made of others. Raises `WeightMapError`."""
    missing = [name for name in find_source_weights(source) if name not in shapes]
    if missing:
        raise WeightMapError(f"a weight is made of {missing[0]}, which is not there")
    match source:
        case WeightSlice():
            return _slice_shape(source, shapes[source.name])
        case BatchNormConstant(name=name):
            return shapes[f"{name}.running_mean"]
        case ConcatenatedWeights(pieces=pieces, axis=axis):
            return _concatenate_shapes([_infer_shape(piece, shapes) for piece in pieces], axis)
        case ScaledWeight(weight=weight, factor=factor, axis=axis, groups=groups):
            return _scale_shape(_infer_shape(weight, shapes), _infer_shape(factor, shapes), axis, groups)
        case ConstantInputResponse(weight=weight, values=values, groups=groups):
            return _scale_shape(_infer_shape(weight, shapes), _infer_shape(values, shapes), 1, groups)[:1]
        case WeightSum(parts=parts):
            return _require_equal([_infer_shape(part, shapes) for part in parts])
        case StackedWeights(parts=parts, shape=shape):
            each = _require_equal([_infer_shape(part, shapes) for part in parts])
            return _require(shape, len(parts) * prod(each) == prod(shape), (len(parts), *each), shape)


def _slice_shape(piece: WeightSlice, shape: Sizes) -> Sizes:
    if piece.start is None or piece.stop is None:
        return shape
    fits = piece.axis < len(shape) and 0 <= piece.start < piece.stop <= shape[piece.axis]
    sliced = (*shape[: piece.axis], piece.stop - piece.start, *shape[piece.axis + 1 :])
    return _require(sliced, fits, shape, sliced)


def _concatenate_shapes(shapes: list[Sizes], axis: int) -> Sizes:
    first = shapes[0]
    if not first:
        return _require_equal(shapes)
    others = _require_equal([(*shape[:axis], *shape[axis + 1 :]) for shape in shapes])
    return (*others[:axis], sum(shape[axis] for shape in shapes), *others[axis:])


def _scale_shape(weight: Sizes, factor: Sizes, axis: int, groups: int) -> Sizes:
    return _require(weight, prod(factor) == weight[axis] * groups, factor, weight)


def _require_equal(shapes: list[Sizes]) -> Sizes:
    different = next((shape for shape in shapes if shape != shapes[0]), shapes[0])
    return _require(shapes[0], different == shapes[0], shapes[0], different)


def _require(shape: Sizes, fits: bool, first: Sizes, other: Sizes) -> Sizes:
    if not fits:
        raise WeightMapError(
            f"a weight is made of some of {format_sizes(first)} and {format_sizes(other)}, which do not fit"
        )
    return shape
