"""Checks the values of arguments before the network is built: unknown names, and values that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as AbstractSequence
from fractions import Fraction
from functools import partial
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from archspec.errors import Collector
from archspec.ir.shape import MEASURED
from archspec.ops import OPTIONS, find_options
from archspec.ops.base import Op
from archspec.printable import shorten_text
from archspec.spans import Span
from archspec.spec import expressions
from archspec.spec.axis_arguments import check_sizes
from archspec.spec.bound_tree import ArgumentField, ArgumentKind, locate_fields, matches_kind
from archspec.spec.expressions import ExpressionError
from archspec.spec.foreign_advice import advise_option
from archspec.spec.layer_forms import advise_list, advise_value, is_cut
from archspec.spec.pydantic_errors import report_validation_error
from archspec.spec.symbols import KIND_DESCRIPTIONS, SymbolTable
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, as_number, describe_tree
from archspec.suggestions import did_you_mean, suggest_nearest

NUMERIC = ("int", "float", "number")


class UnknownValue:
    """The type of `UNKNOWN`: a value that is not known before the network is built."""


UNKNOWN = UnknownValue()


def locate_expression_error(scalar: Scalar, error: ExpressionError) -> Span:
    """The span of an error inside the text of a scalar."""
    one_line = scalar.plain and scalar.span.length == len(scalar.text)
    return scalar.span.subspan(error.offset, error.length) if one_line else scalar.span


def evaluate_literal(tree: Tree, names: SymbolTable, errors: Collector, kind: Any = float) -> Any:
    """The value of a tree if it depends on no argument, else `UNKNOWN`; reports unknown names.

    `kind` is the expected type. It may take words; if it takes no numbers, a word is never arithmetic.
    """
    if isinstance(tree, Sequence):
        items = [evaluate_literal(item, names, errors, kind) for item in tree]
        return UNKNOWN if any(item is UNKNOWN for item in items) else tuple(items)
    if isinstance(tree, Mapping):
        parts = {key.text: evaluate_literal(value, names, errors, _inner_type(kind, key.text)) for key, value in tree}
        return UNKNOWN if any(value is UNKNOWN for value in parts.values()) else parts
    try:
        return _evaluate_scalar(tree, names, errors, kind)
    except ExpressionError as error:
        advice = _suggest_comma(tree, error, names) or error.help
        if is_cut(tree) and advice == error.help:
            advice = "; ".join(filter(None, (advice, "in braces and brackets a comma ends a text")))
        errors.report(_describe_error(tree, error), locate_expression_error(tree, error), help=advice)
        return UNKNOWN


def field_type(model: type[BaseModel], name: str) -> Any:
    """The type of a field, or float for an unknown one."""
    field = model.model_fields.get(name)
    return field.annotation if field is not None else float


def _iter_models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _iter_models(inner)


def _inner_type(kind: Any, name: str) -> Any:
    """The type of the entry `name` in a mapping of this type."""
    return next((field_type(model, name) for model in _iter_models(kind) if name in model.model_fields), float)


def _takes_numbers(kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return False
    return kind in (int, float, Fraction) or any(_takes_numbers(inner) for inner in get_args(kind))


def _suggest_comma(scalar: Scalar, error: ExpressionError, names: SymbolTable) -> str | None:
    """Advice for a missing comma, as in `[conv: 64 relu]`, and for a list in parentheses, as in `(3, 3)`."""
    if "never closed" in error.message:
        return advise_list(scalar)
    rest = scalar.text[error.offset :]
    if error.message.startswith("arithmetic ends") and names.is_layer(rest.split(":")[0].strip()):
        return f"a comma is missing: {scalar.text[: error.offset].strip()}, {shorten_text(rest, 40)}"
    return None


def _evaluate_scalar(scalar: Scalar, names: SymbolTable, errors: Collector, kind: Any) -> Any:
    match scalar.kind:
        case "null":
            return None
        case "bool":
            return scalar.truth
        case "number":
            return as_number(scalar.number)
        case "string":
            return scalar.text
        case "not finite":
            raise ExpressionError(f"{scalar.text} is not a finite number", 0, len(scalar.text))
    word = scalar.text
    if names.arguments.get(word) == "layer":
        raise ExpressionError(f"{word!r} is a layer, not a number or an option", 0, len(word))
    if word in names.arguments:
        return UNKNOWN
    words = tuple(find_options(kind))
    only_a_word = (expressions.is_name(word) or expressions.is_part_name(word)) and not _takes_numbers(kind)
    if word in OPTIONS or word in words or only_a_word:
        return word
    return _evaluate_constant(scalar, names, errors, words)


def _evaluate_constant(scalar: Scalar, names: SymbolTable, errors: Collector, words: AbstractSequence[str]) -> Any:
    tree = scalar.expression
    known = True
    for name in expressions.find_names(tree):
        known = False
        kind = names.arguments.get(name.name)
        if kind in NUMERIC or (kind is None and name.name in MEASURED):
            continue
        meaning = f"{KIND_DESCRIPTIONS[kind]}, not a number" if kind else "no number here"
        meaning = "a named value, not a number" if kind is None and names.is_value(name.name) else meaning
        place = locate_expression_error(scalar, ExpressionError("", name.offset, len(name.name)))
        option = advise_option(name.name, words)
        possible = [*words, *names.numbers()]
        advice = option or suggest_nearest(name.name, [*possible, *MEASURED]) or did_you_mean(name.name, possible)
        errors.report(f"{name.name!r} is {meaning}", place, help=_TRUTH if name.name in NOT_TRUTH else advice)
    return as_number(expressions.evaluate_expression(tree, lambda _: None)) if known else UNKNOWN


def _describe_error(scalar: Scalar, error: ExpressionError) -> str:
    return (
        error.message
        if scalar.kind in ("number", "not finite") or "is a layer" in error.message
        else f"{shorten_text(scalar.text)!r}: {error.message}"
    )


NOT_TRUTH = frozenset(("yes", "no", "on", "off", "Yes", "No", "On", "Off"))
_TRUTH = "YAML 1.2 has true and false"


def check_value(tree: Tree, kind: ArgumentKind, owner: str, names: SymbolTable, errors: Collector) -> bool:
    """Whether a tree can be the value of an argument of this kind; reports it if not."""
    if kind == "number" and isinstance(tree, Sequence) and tree.items:
        return all([check_value(item, kind, owner, names, errors) for item in tree])
    if not isinstance(tree, Scalar):
        errors.report(f"{owner} needs {KIND_DESCRIPTIONS[kind]}, got {describe_tree(tree)}", tree.span)
        return False
    own = names.arguments.get(tree.text) if tree.kind == "word" else None
    if own is not None:
        good = own == kind or (own in NUMERIC and kind in NUMERIC)
        if not good:
            errors.report(
                f"{owner} needs {KIND_DESCRIPTIONS[kind]}; {tree.text} is {KIND_DESCRIPTIONS[own]}", tree.span
            )
        return good
    before = len(errors.diagnostics)
    value = evaluate_literal(tree, names, errors)
    if len(errors.diagnostics) > before or value is UNKNOWN:
        return len(errors.diagnostics) == before
    good = matches_kind(value, kind)
    if not good:
        advice = "arithmetic stands unquoted" if tree.kind == "string" and kind in NUMERIC else None
        got = (
            f"; {tree.text} is {value}"
            if isinstance(value, float) and tree.kind == "word"
            else f", got {describe_tree(tree)}"
        )
        errors.report(f"{owner} needs {KIND_DESCRIPTIONS[kind]}{got}", tree.span, help=advice)
    return good


def check_fields(
    op: type[Op],
    fields: tuple[ArgumentField, ...],
    span: Span,
    names: SymbolTable,
    document: SymbolTable,
    errors: Collector,
    *,
    whole: bool = True,
) -> None:
    """Reports the arguments of an op that are wrong for any arguments and shapes of the network.

    Those of `defaults` are evaluated with the names of the `document`. Unless `whole`, missing fields are not reported.
    """
    values: dict[str, Any] = {}
    given = {field.name for field in fields} if whole else set(op.model_fields)
    bad: set[str] = set()
    for field in fields:
        if field.name not in op.model_fields:  # reported as unknown, whatever its value
            values[field.name] = None
            continue
        before = len(errors.diagnostics)
        if op.sizes_by_name and field.name == op.first and isinstance(field.value, Mapping):
            check_sizes(field.value, errors)
        value = evaluate_literal(field.value, document if field.default else names, errors, field_type(op, field.name))
        if len(errors.diagnostics) > before:
            bad.add(field.name)
        if value is not UNKNOWN:
            values[field.name] = value
    try:
        op.model_validate({name: value for name, value in values.items() if name not in bad}, strict=True)
    except ValidationError as error:
        advise = partial(advise_value, op)
        report_validation_error(
            error, op.word, op, locate_fields(fields), span=span, errors=errors, given=given, advise=advise
        )
