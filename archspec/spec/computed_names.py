"""Names of modules with computed parts, such as `conv(i)` and `fuse_layers.(i).(j)`: reads and evaluates them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archspec.errors import Collector, raise_spec_error
from archspec.spans import Use
from archspec.spec.bound_tree import ComputedName
from archspec.spec.literals import check_value
from archspec.spec.reserved_names import RESERVED
from archspec.spec.symbols import PARENTHESES, SymbolTable, is_module_name
from archspec.spec.values import Measured, UnknownQuantity, evaluate_tree, round_fractions
from archspec.spec.yaml_tree import Scalar, Tree

_LONGEST = 200


def is_computed_name(tree: Tree) -> bool:
    """Whether a key or an `as` is a name with a part in parentheses."""
    return isinstance(tree, Scalar) and "(" in tree.text


def read_computed_name(key: Scalar, names: SymbolTable, errors: Collector) -> ComputedName | None:
    """The parts of a computed name; None if it is wrong, which is reported."""
    parts = tuple(_split_name(key))
    pattern = "".join("0" if isinstance(part, Scalar) else part for part in parts)
    if not is_module_name(pattern):
        message = f"a name has letters, digits, _, - and arithmetic in parentheses, got {key.text[:60]!r}"
        errors.report(message, key.span)
        return None
    owner = "a number in a name"
    good = [check_value(part, "int", owner, names, errors) for part in parts if isinstance(part, Scalar)]
    return ComputedName(key.span, parts) if all(good) else None


def _split_name(key: Scalar) -> Iterator[str | Scalar]:
    """The parts of a name: texts, and the arithmetic in parentheses."""
    end = 0
    for inside in PARENTHESES.finditer(key.text):
        yield key.text[end : inside.start()]
        text = inside[1].strip()
        yield Scalar(key.span.subspan(key.text.index(text, inside.start()), len(text)) if key.plain else key.span, text)
        end = inside.end()
    yield key.text[end:]


def evaluate_name(
    name: ComputedName, names: Mapping[str, Any], current: Measured | UnknownQuantity, use: Use | None
) -> str:
    """The text of a computed name. Raises `SpecError` if a number in it is no whole number of at least 0."""
    text = "".join(
        part if isinstance(part, str) else str(_evaluate_part(part, names, current, use)) for part in name.parts
    )
    if len(text) > _LONGEST or not RESERVED.isdisjoint(text.split(".")):
        raise_spec_error(f"no module can be called {text[:60]!r}", name.span, use)
    return text


def _evaluate_part(part: Scalar, names: Mapping[str, Any], current: Measured | UnknownQuantity, use: Use | None) -> int:
    value = evaluate_tree(part, names, current, use)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"a number in a name is whole and at least 0; {part.text} is {round_fractions(value)}"
        raise_spec_error(message, part.span, use)
    return value
