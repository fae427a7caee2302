"""Defines how tensors are filled when a model is made, and finds the initialisation of the language that does the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from archspec.ops.initial import Init

_CLOSE = 1e-6  # relative: the precision of a float32
_ENDS = (-2.0, 2.0)  # of a truncated normal distribution, where none are given


@dataclass(frozen=True, slots=True)
class Distribution:
    """What the elements of a tensor are drawn from; a constant has its value as mean.

    >>> Distribution("normal", 0.0, 1.0).scale(0.02)
    Distribution(kind='normal', mean=0.0, std=0.02, low=0.0, high=0.0)
    """

    kind: Literal["constant", "normal", "trunc_normal", "uniform"]
    mean: float = 0.0
    std: float = 0.0
    low: float = 0.0
    """The ends of a uniform distribution, and of a normal one that is cut there."""
    high: float = 0.0

    def scale(self, factor: float) -> Distribution:
        """The distribution of the elements times a number."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Distribution(self.kind, self.mean * factor, self.std * abs(factor), low, high)

    def shift(self, number: float) -> Distribution:
        """The distribution of the elements plus a number."""
        mean = self.mean if self.kind == "uniform" else self.mean + number
        if self.kind in ("constant", "normal"):
            return replace(self, mean=mean)
        return replace(self, mean=mean, low=self.low + number, high=self.high + number)

    def is_close(self, other: Distribution) -> bool:
        """Whether both are the same up to rounding."""
        pairs = zip(self._numbers(), other._numbers(), strict=True)
        return self.kind == other.kind and all(
            math.isclose(own, its, rel_tol=_CLOSE, abs_tol=1e-12) for own, its in pairs
        )

    def _numbers(self) -> tuple[float, ...]:
        return self.mean, self.std, self.low, self.high


def iter_schemes(given: Distribution, shape: tuple[int, ...]) -> Iterator[Init | float]:
    """Yields the initialisations of the language that draw a tensor of this shape from a distribution; those by its shape come first.

    >>> [scheme.kind for scheme in iter_schemes(Distribution("normal", 0.0, math.sqrt(2 / 576)), (64, 16, 3, 3))]
    ['kaiming_normal', 'normal']
    """
    if given.kind == "constant":
        yield int(given.mean) if given.mean == int(given.mean) else given.mean
        return
    if len(shape) > 1 and given.mean == 0:
        yield from (init for init, made in _iter_by_shape(shape) if made.is_close(given))
    yield _write_numbers(given)


def find_default(word: str, category: str, name: str, fan: int) -> Distribution | None:
    """What torch draws a tensor of an op from, if nothing else is said; None if that is not known.

    Args:
        word: the op.
        category: that of the op.
        name: the name of the tensor in its module.
        fan: the inputs of one output of the op's weight.
    """
    if category == "norm":
        return Distribution("constant", 0.0 if name == "bias" else 1.0)
    if word == "embedding":
        return Distribution("normal", 0.0, 1.0)
    if category in ("conv", "linear") and fan:
        return make_uniform(math.sqrt(1 / fan))
    return None


def make_uniform(bound: float) -> Distribution:
    """The uniform distribution between -`bound` and `bound`."""
    return Distribution("uniform", low=-bound, high=bound)


def find_fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The fan-in and the fan-out of a weight, as torch counts them.

    >>> find_fans((64, 32, 3, 3))
    (288, 576)
    """
    places = math.prod(shape[2:])
    return shape[1] * places, shape[0] * places


def _iter_by_shape(shape: tuple[int, ...]) -> Iterator[tuple[Init, Distribution]]:
    fan_in, fan_out = find_fans(shape)
    for nonlinearity, gain in (("relu", math.sqrt(2)), ("linear", 1.0)):
        for mode, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
            fields: dict[str, Any] = {"mode": mode, "nonlinearity": nonlinearity}
            std = gain / math.sqrt(fan)
            yield Init(kind="kaiming_normal", **fields), Distribution("normal", 0.0, std)
            yield Init(kind="kaiming_uniform", **fields), make_uniform(math.sqrt(3) * std)
    std = math.sqrt(2 / (fan_in + fan_out))
    yield Init(kind="xavier_uniform"), make_uniform(math.sqrt(3) * std)
    yield Init(kind="xavier_normal"), Distribution("normal", 0.0, std)


def _write_numbers(given: Distribution) -> Init:
    """The initialisation that has the numbers of a distribution."""
    fields: Mapping[str, float] = {"mean": given.mean, "std": given.std} if given.kind != "uniform" else {}
    if given.kind == "uniform" or (given.kind == "trunc_normal" and (given.low, given.high) != _ENDS):
        fields = {**fields, "low": given.low, "high": given.high}
    return Init(kind=given.kind, **fields)
