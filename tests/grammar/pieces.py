"""Parts of a spec under construction: their data, and the shapes that they infer.

A small interpreter of its own infers the shapes, so that they can be compared with the elaborator's.
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
"""The most elements of one value or weight, so that networks can be run."""


class Misfit(Exception):  # noqa: N818 -- no error, but a draw to be repeated
    """Raised for a draw that does not fit."""


class Known(dict[str, Fraction]):
    """Numbers by name; other names raise `Misfit`."""

    def __missing__(self, name: str) -> Fraction:
        raise Misfit(name)


@dataclass(frozen=True)
class Piece:
    """A layer: its data in the spec, and its function on shapes."""

    tree: Any
    apply: Callable[[Env, Bundle], Bundle]


@dataclass
class Env:
    """The environment at one place of a spec."""

    numbers: Names = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments that are booleans or options of ops."""
    layers: dict[str, tuple[Piece, Env]] = field(default_factory=dict)
    values: dict[str, Bundle] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Taken names of modules in this region."""
    naming: bool = True
    """Whether layers here may have names; not in turns that share a region."""

    def inside(self, **changes: Any) -> Env:
        """A nested environment for a list, a mapping or a turn."""
        return replace(self, **{"values": dict(self.values), **changes})

    def scope(self) -> Env:
        """The environment of a new region, in which all names are free."""
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
        """The output shapes of the op for `inputs`; `current` is the value for arithmetic. Raises `Misfit`."""
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
    """A drawn argument with its numbers evaluated."""
    if isinstance(value, Number):
        exact = value.value(names)
        return int(exact) if exact.denominator == 1 else float(exact)
    if isinstance(value, Named):
        return options[value.name]
    if isinstance(value, list):
        return tuple(evaluated(part, names, options) for part in value)
    return value


def axes_in(value: Any) -> Any:
    """A drawn argument of a field that takes axes, in which the name of an axis is no arithmetic."""
    if isinstance(value, Number) and value.tree in AXES:
        return value.tree
    return [axes_in(part) for part in value] if isinstance(value, list) else value


def written(value: Any) -> Any:
    """A drawn argument as data of the spec."""
    if isinstance(value, Number):
        return value.tree
    if isinstance(value, Named):
        return value.name
    return [written(part) for part in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Named:
    """An argument of a block in place of a boolean or an option."""

    name: str


IDENTITY = Piece("identity", lambda env, current: current)
EMPTY = Piece([], lambda env, current: current)


def in_order(pieces: list[Piece]) -> Callable[[Env, Bundle], Bundle]:
    """The function of layers in sequence."""

    def apply(env: Env, current: Bundle) -> Bundle:
        inner = env.inside()
        for piece in pieces:
            current = piece.apply(inner, current)
        return current

    return apply


def side_by_side(pieces: list[Piece]) -> Callable[[Env, Bundle], Bundle]:
    """The function of the branches of a join."""

    def apply(env: Env, current: Bundle) -> Bundle:
        inner = env.inside()
        return tuple(value for piece in pieces for value in piece.apply(inner, current))

    return apply
