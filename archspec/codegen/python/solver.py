"""Finds the arguments of a class, and the expressions of them for its numbers."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from archspec.codegen.arguments import USED, make_identifier
from archspec.codegen.python.model import (
    ClassTemplate,
    Constructor,
    ConstructorArgument,
    Literal,
    ModuleRun,
    OwnParameter,
    is_number,
    iter_numbers,
    map_numbers,
)
from archspec.codegen.python.sequences import Vector
from archspec.codegen.python.syntax import make_literal, make_name
from archspec.ir.names import UniqueNames

_RANK = ("in_channels", "in_features", "embed_dim", "out_channels", "out_features", "num_features")
"""Names for an argument that several options share, in order of preference."""

_PUBLIC = {"num_features": "in_channels", "normalized_shape": "width", "p": "drop", "kernel_size": "kernel"}


def is_argument(text: str) -> bool:
    """Whether a text may be the name of a constructor argument."""
    return text == make_identifier(text) and text not in USED | {"i"}


class ArgumentSolver:
    """Finds the arguments of a class, and an expression for each of its numbers."""

    def __init__(self, family: ClassTemplate) -> None:
        self._arguments: list[ConstructorArgument] = []
        self._named = dict(self._spec_arguments(family))
        self._best = _best_names(family)

    def expression(self, hint: str, vector: Vector) -> ast.expr:
        """The expression in the class for a number with these values in its bodies."""
        if _are_equal(vector, vector[:1] * len(vector)):
            return make_literal(vector[0])
        known = {argument.name: argument.values for argument in self._arguments} | self._named
        for text, values in known.items():
            if _are_equal(values, vector):
                return self._use(text, vector)
        for text, values in known.items():
            formula = derive_formula(text, values, vector)
            if formula is not None:
                self._use(text, values)
                return formula
        hint = self._best.get(tuple(map(repr, vector)), hint)
        text = UniqueNames(USED | {"i"} | known.keys()).take(make_identifier(_PUBLIC.get(hint, hint), "size_"))
        self._arguments.append(ConstructorArgument(text, vector))
        return make_name(text)

    def _use(self, text: str, values: Vector) -> ast.expr:
        if all(text != argument.name for argument in self._arguments):
            self._arguments.append(ConstructorArgument(text, values))
        return make_name(text)

    def ordered(self) -> list[ConstructorArgument]:
        """The arguments, with defaults last."""
        for argument in self._arguments:
            texts = [repr(value) for value in argument.values]
            usual, often = Counter(texts).most_common(1)[0]
            value = argument.values[texts.index(usual)]
            if value in (0, 1) and 2 * often > len(texts):
                argument.default, argument.has_default = value, True
        return sorted(self._arguments, key=lambda argument: argument.has_default)

    def _spec_arguments(self, family: ClassTemplate) -> Iterator[tuple[str, Vector]]:
        """Yields the numeric arguments of the spec's block that differ between the bodies."""
        given = [body.part.region.arguments for body in family.bodies]
        for word in given[0]:
            values = tuple(_as_number(arguments.get(word)) for arguments in given)
            if all(map(is_number, values)) and not _are_equal(values, values[:1] * len(values)) and is_argument(word):
                yield word, values


def _as_number(value: object) -> Literal:
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value if is_number(value) else None  # type: ignore[return-value]


def _best_names(family: ClassTemplate) -> dict[tuple[str, ...], str]:
    """For numbers that several options share, the preferred one of the options' names."""
    best: dict[tuple[str, ...], str] = {}
    for hint, vector in _list_option_numbers(family):
        key = tuple(map(repr, vector))
        if hint in _RANK and (key not in best or _RANK.index(hint) < _RANK.index(best[key])):
            best[key] = hint
    return best


def _list_option_numbers(family: ClassTemplate) -> Iterator[tuple[str, Vector]]:
    if family.body.chain is None:
        paths = [path for path in family.body.members if path != (family.optional,)]
        groups = [[body.members[path] for body in family.bodies] for path in paths]
    else:
        items = zip(*(body.chain or [] for body in family.bodies), strict=True)
        groups = [
            [item.constructors[0] if isinstance(item, ModuleRun) else item.constructor for item in row] for row in items
        ]
    for makes in groups:
        yield from zip(_list_hints(makes[0]), zip(*map(iter_numbers, makes), strict=True), strict=False)


def _list_hints(make: Constructor | OwnParameter) -> list[str]:
    """The names of the options that are numbers, in order."""
    hints: list[str] = []

    def noted(hint: str) -> ast.expr:
        hints.append(hint)
        return make_literal(0)

    if isinstance(make, Constructor):
        map_numbers(make, noted)
    return hints


def _are_equal(left: Vector, right: Vector) -> bool:
    """Whether numbers are equal; 1 equals 1.0 but not True, and -0.0 differs from 0.0."""
    return list(map(_exact_key, left)) == list(map(_exact_key, right))


def _exact_key(value: Literal) -> tuple[Literal, bool, bool]:
    return value, isinstance(value, bool), repr(value).startswith("-")


def derive_formula(text: str, values: Vector, vector: Vector) -> ast.expr | None:
    """A simple formula that gives the numbers from an argument's values, or None."""
    pairs = [(a, b) for a, b in zip(values, vector, strict=True) if type(a) is int and type(b) is int]
    if len(pairs) < len(vector):
        return None
    first, result = pairs[0]
    factor = result // first if first else 0
    if factor > 1 and all(b == factor * a for a, b in pairs):
        return ast.BinOp(make_literal(factor), ast.Mult(), make_name(text))
    for divisor in (2, 4, 8, 16):
        if any(b for _, b in pairs) and all(b == a // divisor for a, b in pairs):
            return ast.BinOp(make_name(text), ast.FloorDiv(), make_literal(divisor))
    if text.startswith("depth") and all(b == a - 1 for a, b in pairs):
        return ast.BinOp(make_name(text), ast.Sub(), make_literal(1))
    return None
