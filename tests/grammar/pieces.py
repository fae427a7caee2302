"""What a part of a spec is while it is made: its text as data, and the shapes that it makes of others.

The shapes are found by a small interpreter of its own, so that it can be held against the elaborator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from archspec.ir.shape import AXES, Shape
from archspec.ops.base import Op, ShapeError
from archspec.spec.axis_arguments import takes_axes
from tests.grammar.numbers import Names, Number

Bundle = tuple[Shape, ...]
MOST = 4096
"""Elements of one value or weight: networks are to be built and run."""


class Misfit(Exception):  # noqa: N818 -- no mistake, but a draw that is drawn again
    """Something that does not fit where it is tried."""


class Known(dict[str, Fraction]):
    """Numbers by name; arithmetic of others does not fit."""

    def __missing__(self, name: str) -> Fraction:
        raise Misfit(name)


@dataclass(frozen=True)
class Piece:
    """A layer: what stands in the spec, and what comes out of it."""

    tree: Any
    apply: Callable[[Env, Bundle], Bundle]


@dataclass
class Env:
    """What names mean at one place."""

    numbers: Names = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments that are true or false, or an option of an op."""
    layers: dict[str, tuple[Piece, Env]] = field(default_factory=dict)
    values: dict[str, Bundle] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Names of modules in this scope."""
    naming: bool = True
    """Whether layers here may have names: not in turns that share one scope."""

    def inside(self, **changes: Any) -> Env:
        """The environment of a list, a mapping or a turn inside this one."""
        return replace(self, **{"values": dict(self.values), **changes})

    def scope(self) -> Env:
        """The environment in a scope of its own: its modules may have any names."""
        return self.inside(taken=set(), naming=True)

    def known(self, current: Bundle) -> Names:
        """The numbers that arithmetic may use."""
        width = {"channels": Fraction(current[0].channels)} if len(current) == 1 else {}
        return Known({**self.numbers, **width})


@dataclass(frozen=True)
class Fields:
    """The arguments of an op: each a constant, a number or a list of these; and those of the document's `defaults`."""

    op: type[Op]
    given: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def infer(self, env: Env, current: Bundle, inputs: Bundle) -> Bundle:
        """The shapes that the op makes of `inputs`, where `current` is the value that arithmetic speaks of. Raises `Misfit`."""
        names = env.known(current)
        values = {
            name: evaluated(axes_in(value) if takes_axes(self.op, name) else value, names, env.options)
            for name, value in {**self.defaults, **self.given}.items()
        }
        fewest, most = self.op.operands
        if len(inputs) < fewest or (most is not None and len(inputs) > most):
            raise Misfit
        if self.op.word == "globalpool" and inputs[0].rank > 2 and inputs[0].channel_axis:
            raise Misfit
        try:
            op = self.op.model_validate(values)
            outputs = op.infer(*inputs)
            op.check_initial(*inputs)
            sizes = [*(shape.numel for shape in outputs), *(weight.numel for weight in op.weights(*inputs))]
        except (ShapeError, ValidationError) as error:
            raise Misfit from error
        if max(sizes) > MOST:
            raise Misfit
        return outputs


def evaluated(value: Any, names: Names, options: Mapping[str, Any]) -> Any:
    """A drawn argument with its numbers as such."""
    if isinstance(value, Number):
        exact = value.value(names)
        return int(exact) if exact.denominator == 1 else float(exact)
    if isinstance(value, Named):
        return options[value.name]
    if isinstance(value, list):
        return tuple(evaluated(part, names, options) for part in value)
    return value


def axes_in(value: Any) -> Any:
    """A drawn argument that axes are named in: there a word that is an axis is no arithmetic."""
    if isinstance(value, Number) and value.tree in AXES:
        return value.tree
    return [axes_in(part) for part in value] if isinstance(value, list) else value


def written(value: Any) -> Any:
    """A drawn argument as it stands in the spec."""
    if isinstance(value, Number):
        return value.tree
    if isinstance(value, Named):
        return value.name
    return [written(part) for part in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Named:
    """An argument of a block in place of true, false or an option."""

    name: str


IDENTITY = Piece("identity", lambda env, current: current)
EMPTY = Piece([], lambda env, current: current)


def in_order(pieces: list[Piece]) -> Callable[[Env, Bundle], Bundle]:
    """What layers one after the other do."""

    def apply(env: Env, current: Bundle) -> Bundle:
        inner = env.inside()
        for piece in pieces:
            current = piece.apply(inner, current)
        return current

    return apply


def side_by_side(pieces: list[Piece]) -> Callable[[Env, Bundle], Bundle]:
    """What the branches of a join make."""

    def apply(env: Env, current: Bundle) -> Bundle:
        inner = env.inside()
        return tuple(value for piece in pieces for value in piece.apply(inner, current))

    return apply
