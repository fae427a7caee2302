"""The arguments of a class, and the expressions of them that stand for its numbers."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from archspec.backends.arguments import USED, FreeNames, identifier
from archspec.backends.source.model import (
    Argument,
    Family,
    Literal,
    Make,
    Run,
    Weight,
    is_number,
    map_numbers,
    numbers_of,
)
from archspec.backends.source.sequences import Vector
from archspec.backends.source.syntax import binary, literal, name

_RANK = ("in_channels", "in_features", "embed_dim", "out_channels", "out_features", "num_features")
"""Names for an argument that several options have in common, best first."""

_PUBLIC = {"num_features": "in_channels", "normalized_shape": "width", "p": "drop", "kernel_size": "kernel"}


def is_argument(text: str) -> bool:
    """Whether a constructor may have an argument of that name."""
    return text == identifier(text) and text not in USED | {"i"}


class Solver:
    """Finds the arguments of a class, and what stands for each of its numbers."""

    def __init__(self, family: Family) -> None:
        self._arguments: list[Argument] = []
        self._named = dict(self._spec_arguments(family))
        self._best = _best_names(family)

    def expression(self, hint: str, vector: Vector) -> ast.expr:
        """What stands in the class for a number that has these values in its bodies."""
        if _equal(vector, vector[:1] * len(vector)):
            return literal(vector[0])
        known = {argument.name: argument.values for argument in self._arguments} | self._named
        for text, values in known.items():
            if _equal(values, vector):
                return self._use(text, vector)
        for text, values in known.items():
            formula = derived(text, values, vector)
            if formula is not None:
                self._use(text, values)
                return formula
        hint = self._best.get(tuple(map(repr, vector)), hint)
        text = FreeNames(USED | {"i"} | known.keys()).take(identifier(_PUBLIC.get(hint, hint), "size_"))
        self._arguments.append(Argument(text, vector))
        return name(text)

    def _use(self, text: str, values: Vector) -> ast.expr:
        if all(text != argument.name for argument in self._arguments):
            self._arguments.append(Argument(text, values))
        return name(text)

    def ordered(self) -> list[Argument]:
        """The arguments, those with a default last."""
        for argument in self._arguments:
            texts = [repr(value) for value in argument.values]
            usual, often = Counter(texts).most_common(1)[0]
            value = argument.values[texts.index(usual)]
            if value in (0, 1) and 2 * often > len(texts):
                argument.default, argument.has_default = value, True
        return sorted(self._arguments, key=lambda argument: argument.has_default)

    def _spec_arguments(self, family: Family) -> Iterator[tuple[str, Vector]]:
        """The numbers that the spec's block takes and that differ between the bodies."""
        given = [body.part.scope.arguments for body in family.bodies]
        for word in given[0]:
            values = tuple(_whole(arguments.get(word)) for arguments in given)
            if all(map(is_number, values)) and not _equal(values, values[:1] * len(values)) and is_argument(word):
                yield word, values


def _whole(value: object) -> Literal:
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value if is_number(value) else None  # type: ignore[return-value]


def _best_names(family: Family) -> dict[tuple[str, ...], str]:
    """For numbers that several options have in common the best of the options' names."""
    best: dict[tuple[str, ...], str] = {}
    for hint, vector in _option_numbers(family):
        key = tuple(map(repr, vector))
        if hint in _RANK and (key not in best or _RANK.index(hint) < _RANK.index(best[key])):
            best[key] = hint
    return best


def _option_numbers(family: Family) -> Iterator[tuple[str, Vector]]:
    if family.body.chain is None:
        paths = [path for path in family.body.members if path != (family.optional,)]
        groups = [[body.members[path] for body in family.bodies] for path in paths]
    else:
        items = zip(*(body.chain or [] for body in family.bodies), strict=True)
        groups = [[item.makes[0] if isinstance(item, Run) else item.make for item in row] for row in items]
    for makes in groups:
        yield from zip(_hints(makes[0]), zip(*map(numbers_of, makes), strict=True), strict=False)


def _hints(make: Make | Weight) -> list[str]:
    """The names of the options that are numbers, in order."""
    hints: list[str] = []

    def noted(hint: str) -> ast.expr:
        hints.append(hint)
        return literal(0)

    if isinstance(make, Make):
        map_numbers(make, noted)
    return hints


def _equal(left: Vector, right: Vector) -> bool:
    """Whether numbers are equal: 1 is 1.0, but not true, and zero has a sign."""
    return list(map(_number_key, left)) == list(map(_number_key, right))


def _number_key(value: Literal) -> tuple[Literal, bool, bool]:
    return value, isinstance(value, bool), repr(value).startswith("-")


def derived(text: str, values: Vector, vector: Vector) -> ast.expr | None:
    """A formula of an argument that gives the numbers, if a simple one does."""
    pairs = [(a, b) for a, b in zip(values, vector, strict=True) if type(a) is int and type(b) is int]
    if len(pairs) < len(vector):
        return None
    first, result = pairs[0]
    factor = result // first if first else 0
    if factor > 1 and all(b == factor * a for a, b in pairs):
        return binary(literal(factor), ast.Mult(), name(text))
    for divisor in (2, 4, 8, 16):
        if any(b for _, b in pairs) and all(b == a // divisor for a, b in pairs):
            return binary(name(text), ast.FloorDiv(), literal(divisor))
    if text.startswith("depth") and all(b == a - 1 for a, b in pairs):
        return binary(name(text), ast.Sub(), literal(1))
    return None
