"""Records where the weights of a rewritten network come from, so that the weights of the original network can be mapped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from archspec.errors import ArchspecError
from archspec.numerals import format_sizes

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WeightSlice:
    """A weight of the network before, or its part from `start` to `stop` along `axis`."""

    name: str
    axis: int = 0
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class ConcatenatedWeights:
    """Weights concatenated along `axis`; for scalars, the first."""

    pieces: tuple[WeightSource, ...]
    axis: int = 0


@dataclass(frozen=True, slots=True)
class BatchNormConstant:
    """One of the constants of the batch normalisation `name` in evaluation, which is y = factor · x + shift for each channel.

    Its factor is weight / √(running_var + eps), its shift bias - running_mean · factor; without `affine`, weight is 1 and bias 0.

    With a ReLU after it, y = factor · clamp(x, low, high) + shift, where the finite one of low and high is the x with y = 0: low for
    a positive factor, high for a negative one. `rectified` selects the constants of this form; for a channel that is nearly
    constant, the factor is then 0 and the shift its value after the ReLU.
    """

    name: str
    eps: float
    affine: bool
    constant: Literal["factor", "shift", "low", "high"]
    rectified: bool = False


@dataclass(frozen=True, slots=True)
class ScaledWeight:
    """A weight times one factor for each index of `axis`. With `groups`, axis 1 has the input channels of one group."""

    weight: WeightSource
    factor: WeightSource
    axis: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class ConstantInputResponse:
    """The output of a convolution or a linear layer with this weight and no bias for an input that is constant in each channel."""

    weight: WeightSource
    values: WeightSource
    groups: int = 1


@dataclass(frozen=True, slots=True)
class WeightSum:
    """The sum of weights of one shape."""

    parts: tuple[WeightSource, ...]


@dataclass(frozen=True, slots=True)
class StackedWeights:
    """Weights of equal shapes stacked and reshaped to `shape`."""

    parts: tuple[WeightSource, ...]
    shape: Sizes


@dataclass(frozen=True, slots=True)
class ComputedWeight:
    """The weight of a layer that computes it at each call from `tensors`, of which the first has its shape.

    - `weight_norm`, of direction and length: direction · length / |direction|, for each index of axis 0;
    - `spectral_norm`, of weight, u and v: weight / (uᵀ W v), where W is the matrix of the weight with the rows `axis`;
    - `standardise`, of weight and perhaps gain: mean 0 and variance 1 for each index of axis 0, with `eps` added to the variance;
      times the learned gain, and the number `gain` over the root of the elements of an index.
    """

    rule: Literal["weight_norm", "spectral_norm", "standardise"]
    tensors: tuple[WeightSource, ...]
    axis: int = 0
    eps: float = 0.0
    gain: float = 1.0


WeightSource = (
    WeightSlice
    | ConcatenatedWeights
    | BatchNormConstant
    | ScaledWeight
    | ConstantInputResponse
    | WeightSum
    | StackedWeights
    | ComputedWeight
)
"""How a weight after a pass is computed from those before."""


@dataclass(frozen=True, slots=True)
class NewWeight:
    """A weight without a source, which keeps its initial value."""

    shape: Sizes


@dataclass(frozen=True, slots=True)
class RemovedWeight:
    """A weight that only the network before has: it was left out, or became a source of others."""


WeightMap = Mapping[str, WeightSource | NewWeight | RemovedWeight]
"""The changes of one pass, by the names of the weights before and after. Weights that it does not name are unchanged."""


def find_cut_layers(provenance: Iterable[WeightMap]) -> frozenset[str]:
    """The layers, by name, that passes only removed: a file for the network before has their weights, and none is a source of others.

    >>> sorted(find_cut_layers([{"fc.weight": RemovedWeight(), "fc.bias": RemovedWeight()}, {"a.w": NewWeight((1,))}]))
    ['fc']
    """
    maps = [changes for changes in provenance if all(isinstance(source, RemovedWeight) for source in changes.values())]
    return frozenset(name.rpartition(".")[0] or name for changes in maps for name in changes)


class WeightMapError(ArchspecError, ValueError):
    """Raised for weights that cannot be computed as a weight map says."""


def find_source_weights(source: WeightSource) -> Iterator[str]:
    """The names of the weights that a source reads.

    >>> list(find_source_weights(WeightSum((WeightSlice("a.weight"), WeightSlice("b.weight")))))
    ['a.weight', 'b.weight']
    """
    match source:
        case WeightSlice(name=name):
            yield name
        case BatchNormConstant(name=name, affine=affine):
            learned = ("weight", "bias") if affine else ()
            yield from (f"{name}.{part}" for part in (*learned, "running_mean", "running_var"))
        case (
            ConcatenatedWeights(pieces=inner)
            | WeightSum(parts=inner)
            | StackedWeights(parts=inner)
            | ComputedWeight(tensors=inner)
        ):
            yield from (name for part in inner for name in find_source_weights(part))
        case ScaledWeight(weight=weight, factor=other) | ConstantInputResponse(weight=weight, values=other):
            yield from (*find_source_weights(weight), *find_source_weights(other))


def map_weight_shapes(weight_map: WeightMap, before: Mapping[str, Sizes]) -> dict[str, Sizes]:
    """The shapes of the weights after a pass, by name, from those before.

    Raises:
        WeightMapError: a source reads a missing weight, or weights whose shapes do not fit.

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
    """The shape of the weight that a source gives. Raises `WeightMapError`."""
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
        case ComputedWeight(tensors=tensors):
            return _infer_shape(tensors[0], shapes)
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
