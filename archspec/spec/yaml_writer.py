"""Writes plain Python data as the text of a spec."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from numbers import Rational, Real
from operator import index
from typing import Any

import yaml

from archspec.errors import Diagnostic, SpecError
from archspec.numerals import format_digits
from archspec.printable import is_printable, shorten_text
from archspec.spans import Source, Span
from archspec.spec.expressions import MAX_BITS
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.refusals import SpecTypeError
from archspec.spec.yaml_tree import Scalar


class SpecDumper(yaml.SafeDumper):
    """Writes the scalars of a spec: by the reader's rules, and without aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the base class names it
        """Never writes aliases, which specs exclude."""
        return True

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a scalar by the reader's rules; PyYAML's own are those of YAML 1.1, where `on` is a boolean."""
        if kind is not yaml.ScalarNode or not implicit[0]:
            return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        match Scalar(_NOWHERE, value).kind:
            case "null" | "bool" as name:
                return f"{_TAG}{name}"
            case "number" if value.lstrip("+-").isdecimal():
                return f"{_TAG}int"
            case "number" | "not finite":
                return f"{_TAG}float"
        return f"{_TAG}{'merge' if value == '<<' else 'str'}"


_TAG = "tag:yaml.org,2002:"
_NOWHERE = Span(Source("<data>", ""), 1, 1)


class _Number(str):
    """The exact text of a decimal."""

    __slots__ = ()


SpecDumper.add_representer(_Number, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:float", str(text)))


def write_yaml(data: Any, name: str = "", limits: Limits = DEFAULT) -> str:
    r"""The YAML text of mappings, lists, strings, numbers, booleans and None; words and arithmetic are unquoted.

    Numbers may be scalars of numpy and torch, fractions and decimals, which stay exact. `name` is the name of the argument whose
    value `data` is, for messages.

    Unprintable characters are written as YAML escapes.

    Raises:
        SpecTypeError: it contains a value of another type.
        SpecError: it contains itself, or is too large.

    >>> write_yaml({"name": "tiny", "input": (3, 8, 8), "args": {"rate": Fraction(1, 3)}})
    'name: tiny\ninput:\n- 3\n- 8\n- 8\nargs:\n  rate: 1 / 3\n'
    """
    try:
        basic = _PlainDataBuilder(name, limits.items).value(data, ())
        text = _dumped(basic, unicode=True)
        return text if all(map(is_printable, text.split("\n"))) else _dumped(basic, unicode=False)
    except RecursionError:
        message = "a mapping that holds itself, or is nested too deeply, is no spec"
        raise SpecError(locate_outside(message, name)) from None


def _dumped(data: Any, *, unicode: bool) -> str:
    return yaml.dump(data, Dumper=SpecDumper, sort_keys=False, allow_unicode=unicode, width=1_000_000)


SpecDumper.add_representer(
    int, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:int", format_digits(value))
)


class _PlainDataBuilder:
    """Converts data to mappings, lists, strings, ints and floats, and counts the items."""

    def __init__(self, name: str, items: int) -> None:
        self.name, self.items, self.left = name, items, items

    def value(self, data: Any, way: tuple[str, ...]) -> Any:
        self.left -= 1
        if self.left < 0:
            raise SpecError(locate_outside(f"a spec has at most {self.items:,} items", self.name))
        if isinstance(data, Enum) and not isinstance(data, int | str):
            raise self.wrong(data, way, "give its value: member.value")
        if data is None or isinstance(data, bool):
            return data
        if isinstance(data, str):
            return str.__str__(data)
        if isinstance(data, Real | Decimal) or (hasattr(type(data), "__index__") and not hasattr(data, "item")):
            return self.number(data, way)
        if hasattr(data, "item") and hasattr(data, "shape"):
            return self.scalar(data, way)
        return self.collection(data, way)

    def scalar(self, data: Any, way: tuple[str, ...]) -> Any:
        """The number in an array or tensor of rank 0."""
        if tuple(data.shape):
            raise self.wrong(data, way, "a list of numbers is data.tolist()")
        try:
            inner = data.item()
        except (RuntimeError, ValueError):  # a tensor without data
            raise self.wrong(data, way, None) from None
        if isinstance(inner, bool | int | float):
            return self.value(inner, way)
        raise self.wrong(inner, way, None)

    def collection(self, data: Any, way: tuple[str, ...]) -> Any:
        if isinstance(data, Mapping):
            return self.mapping(data, way)
        if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray | memoryview):
            return [self.value(inner, (*way, str(place))) for place, inner in enumerate(data)]
        path = os.fspath(data) if isinstance(data, os.PathLike) else None
        if isinstance(path, str):
            return path
        raise self.wrong(data, way, "decode it" if isinstance(data, bytes) else None)

    def mapping(self, data: Mapping[Any, Any], way: tuple[str, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, inner in data.items():
            name = self.key(key, way)
            if name in result:
                message = f"the key {shorten_text(name)!r} is there twice, as a word and as a number"
                raise SpecError(locate_outside(message, self.subject(way)))
            result[name] = self.value(inner, (*way, name))
        return result

    def key(self, key: Any, way: tuple[str, ...]) -> str:
        """The text of a key, which is a word or a number."""
        basic = self.value(key, (*way, shorten_text(str(key), 30)))
        if isinstance(basic, dict | list):
            raise self.wrong(key, (*way, shorten_text(str(key), 30)), "a key is a word")
        if basic is None or isinstance(basic, bool):
            return {None: "null", True: "true", False: "false"}[basic]
        return str(basic)

    def number(self, data: Any, way: tuple[str, ...]) -> Any:
        """A whole number as int, any other exactly, or as a float."""
        if isinstance(data, Decimal) and not data.is_finite():
            return float(data)
        if isinstance(data, Decimal) and abs(data.adjusted()) <= MAX_BITS:
            exact = Fraction(data)
        elif isinstance(data, Rational):
            exact = Fraction(int(data.numerator), int(data.denominator))
        elif isinstance(data, Real):
            return float(data)
        else:
            exact = Fraction(index(data) if not isinstance(data, Decimal) else 2 ** (MAX_BITS + 1))
        if max(exact.numerator.bit_length(), exact.denominator.bit_length()) > MAX_BITS:
            raise SpecError(locate_outside(f"{self.subject(way)} is a number of more than {MAX_BITS} bits", self.name))
        if exact.denominator == 1:
            return exact.numerator
        return _Number(format(data, "f")) if isinstance(data, Decimal) else f"{exact.numerator} / {exact.denominator}"

    def subject(self, way: tuple[str, ...]) -> str:
        return ".".join((self.name, *way) if self.name else way) or "this"

    def wrong(self, data: Any, way: tuple[str, ...], help: str | None) -> SpecTypeError:
        kind = type(data)
        named = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        got = f"{self.subject(way)} is of type {named}" if self.name or way else f"got {named}"
        return make_outside_error(f"a spec is made of mappings, lists, words and numbers; {got}", self.name, help=help)


def make_outside_error(message: str, name: str, *, help: str | None = None) -> SpecTypeError:
    """The error for Python data that is no spec."""
    return SpecTypeError(locate_outside(message, name, help=help))


def locate_outside(message: str, name: str, *, help: str | None = None) -> Diagnostic:
    """A diagnostic about data without text, and so without a line."""
    return Diagnostic(message, Span(Source(name or "<mapping>", "", numbered=False), 1, 1), help=help)
