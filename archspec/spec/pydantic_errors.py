"""Turns pydantic's errors into located diagnostics: expected, got, where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from archspec import meter
from archspec.errors import Collector
from archspec.ops import BY_WORD
from archspec.printable import shorten_text
from archspec.spans import Span, Use
from archspec.spec.foreign_advice import advise_argument, advise_key, advise_option, translate_argument
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree, locate_part
from archspec.suggestions import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_DETAIL = 8  # units of work for one error of pydantic
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a word",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "mapping": "a mapping",
}


FieldPlaces = MappingOf[str, tuple[Span, Tree]]
"""The span and the tree of each field."""


def report_validation_error(
    error: ValidationError,
    owner: str,
    model: type[BaseModel],
    places: FieldPlaces,
    *,
    span: Span,
    errors: Collector,
    use: Use | None = None,
    given: Iterable[str] = (),
    advise: Callable[[str, Tree | None], str | None] = lambda name, tree: None,  # noqa: ARG005 -- no advice
) -> None:
    """Reports each field of `error` once.

    `owner` names what has the fields, for messages, and `span` is its span. Fields in `given` are not reported as missing: their
    values are not known yet. `advise` returns advice for a field, or None.
    """
    meter.charge_work("diagnostics", _DETAIL * error.error_count())
    by_field: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_field.setdefault(str(detail["loc"][0]) if detail["loc"] else "", []).append(detail)
    known = list(model.model_fields)
    extra = [name for name, (first, *_) in by_field.items() if _is_at_field(first, "extra_forbidden")]
    meant = {translate_argument(name, known) for name in extra} if owner != SPEC else set()
    for name, details in by_field.items():
        own, tree = places.get(name, (span, None))
        if _is_at_field(details[0], "missing"):
            if name not in given and name not in meant:
                errors.report(f"{owner} needs {name!r}", span, use=use, help=_describe_field(model, name))
        elif name in extra:
            errors.report(
                *_report_unknown_field(name, owner, own), use=use, help=_suggest_field(name, owner, model, tree)
            )
        else:
            detail, message, advice = _describe_mismatch(name, owner, model, details, tree)
            place = own if tree is None or len(detail["loc"]) < 2 else _locate_error(tree, detail) or own
            advice = advise(name, tree) or advice or (_describe_field(model, name) if owner == SPEC else None)
            errors.report(message, place, use=use, help=advice)


def _is_at_field(detail: ErrorDetails, kind: str) -> bool:
    """Whether an error of this kind is about a field itself, and not about a part of its value."""
    return detail["type"] == kind and len(detail["loc"]) == 1


SPEC = "a spec"


def _report_unknown_field(name: str, owner: str, span: Span) -> tuple[str, Span]:
    return f"{owner} has no {'' if owner == SPEC else 'argument '}{name[:60]!r}", span


def _suggest_field(name: str, owner: str, model: type[BaseModel], tree: Tree | None) -> str | None:
    """Advice for an unknown field."""
    known = list(model.model_fields)
    if owner != SPEC:
        return advise_argument(name, known, op=owner in BY_WORD) or f"{owner} takes no arguments"
    close = advise_key(SPEC, name, known)
    if close is None and isinstance(tree, Scalar) and tree.kind == "null":
        return "in braces a comma ends a text: quote the text that has one"
    return close or did_you_mean(name, known)


def _describe_field(model: type[BaseModel], name: str) -> str | None:
    field = model.model_fields.get(name)
    return f"{name}: {field.description}" if field is not None and field.description else None


def _locate_error(tree: Tree, detail: ErrorDetails) -> Span | None:
    """The span of an error inside a field: the wrong value, or its key if the key is unknown."""
    where = detail["loc"][1:]
    inner = locate_part(tree, where)
    last = where[-1]
    if detail["type"] == "extra_forbidden":
        outer = locate_part(tree, where[:-1])
        return outer.keys[last].span if isinstance(outer, Mapping) and last in outer.keys else None
    return inner.span if inner is not tree else None


def _describe_mismatch(
    name: str, owner: str, model: type[BaseModel], details: list[ErrorDetails], tree: Tree | None
) -> tuple[ErrorDetails, str, str | None]:
    """The error to report, what the field expects, and advice; errors about bounds take precedence over those about types."""
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    if unknown:
        last = str(unknown[0]["loc"][-1])
        outer = " of ".join(reversed(_name_steps(unknown[0]["loc"][:-1], tree))) + _owner_suffix(owner)
        return unknown[0], f"{outer} has no {last[:60]!r}", did_you_mean(last, _inner_names(model, name))
    chosen = [detail for detail in details if _expected_kind(detail) is None] or details
    first = chosen[0]
    missing = first["type"] == "missing"
    needs = list(dict.fromkeys(_describe_expected(detail) for detail in chosen))
    subject = " of ".join(reversed(_name_steps(first["loc"][: -1 if missing else None], tree))) + _owner_suffix(owner)
    words = [word for detail in chosen if detail["type"] == "literal_error" for word in _list_literals(detail)]
    got = "" if missing else f", got {shorten_text(_format_value(first['input']))}"
    message = f"{subject or owner} needs {' or '.join(needs)}{got}"
    value = locate_part(tree, first["loc"][1:]) if tree is not None else None
    quoted = isinstance(value, Scalar) and not value.plain
    return first, message, _suggest_value(first["input"], words, needs, quoted=quoted)


def _name_steps(where: tuple[int | str, ...], tree: Tree | None) -> list[str]:
    """The names of fields on the path to an error, without pydantic's own."""
    names = [str(step) for step in where[:1]]
    for step in where[1:]:
        inner = locate_part(tree, [step]) if tree is not None else None
        if isinstance(tree, Mapping) and inner is not tree:
            names.append(str(step))
        tree = inner
    return names


def _owner_suffix(owner: str) -> str:
    return "" if owner == SPEC else f" of {owner}"


def _inner_names(model: type[BaseModel], name: str) -> Iterator[str]:
    """The fields of the models in a field's type."""
    pending = [model.model_fields[name].annotation]
    while pending:
        kind: Any = pending.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from kind.model_fields
        pending += get_args(kind)


def _suggest_value(got: Any, words: list[str], needs: list[str], *, quoted: bool) -> str | None:
    if not isinstance(got, str):
        return None
    if "true or false" in needs and got.lower() in ("yes", "no", "on", "off", "true", "false"):
        return "YAML 1.2 has true and false, unquoted"
    words = [*words, "true", "false"] if "true or false" in needs else words
    advice = advise_option(got, words)
    if advice is not None:
        return advice
    numeric = quoted and {"a number", "a whole number"} & set(needs)
    return "numbers and arithmetic stand unquoted" if numeric and not words else None


def _expected_kind(detail: ErrorDetails) -> str | None:
    head, _, tail = detail["type"].partition("_")
    if tail in ("type", "parsing", "from_float", "attributes_type", "instance_of"):
        return _KINDS.get(head)
    return None


def _describe_expected(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    kind = _expected_kind(detail)
    if kind is not None:
        return kind
    match detail["type"]:
        case "greater_than_equal":
            return f"at least {_format_bound(context['ge'])}"
        case "greater_than":
            return f"more than {_format_bound(context['gt'])}"
        case "less_than_equal":
            return f"at most {_format_bound(context['le'])}"
        case "less_than":
            return f"less than {_format_bound(context['lt'])}"
        case "literal_error":
            return f"one of {', '.join(_list_literals(detail))}"
        case "too_short":
            return f"at least {_format_item_count(context['min_length'])}"
        case "too_long":
            return f"at most {_format_item_count(context['max_length'])}"
        case "string_too_short":
            return "a word"
        case "missing":
            return f"{detail['loc'][-1]!r}"
        case "is_instance_of":
            return {"Mapping": "a mapping", "Sequence": "a list"}.get(str(context["class"]), "a word")
        case "finite_number":
            return "a finite number"
    return detail["msg"].removeprefix("Value error, ").lower()


def _format_item_count(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _format_bound(number: float) -> str:
    if abs(number) >= _MANY:
        return f"{number:g}".replace("e+", "e")
    return f"{int(number):,}" if number == int(number) else str(number)


_MANY = 1e18
"""Numbers from this one on are shown with an exponent."""


def _list_literals(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for part in expected.split(" or ") for word in part.split(",")]


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, Scalar | Sequence | Mapping):
        return describe_tree(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_format_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_format_value(item)}" for key, item in value.items()) + "}"
    return repr(value) if isinstance(value, str) else str(value)
