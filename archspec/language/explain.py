"""Pydantic's findings in the author's words: what was expected, what was found, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from archspec.diagnostics import Collector, Span, Use, did_you_mean, shorten
from archspec.language.tree import Mapping, Scalar, Sequence, describe

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

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


def explain(
    error: ValidationError,
    owner: str,
    model: type[BaseModel],
    spans: dict[str, Span],
    *,
    span: Span,
    into: Collector,
    use: Use | None = None,
    given: Iterable[str] = (),
) -> None:
    """Reports each field that `error` is about once.

    `owner` is what has the fields, in the author's words; `spans` are the places of the fields, `span` the place of the owner.
    Fields in `given` are not missing: their values are not known yet.
    """
    by_field: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_field.setdefault(str(detail["loc"][0]) if detail["loc"] else "", []).append(detail)
    for name, details in by_field.items():
        kind = details[0]["type"]
        if kind == "missing" and len(details[0]["loc"]) == 1:
            if name not in given:
                into.report(f"{owner} needs {name!r}", span, use=use, help=_purpose(model, name))
        elif kind == "extra_forbidden" and len(details[0]["loc"]) == 1:
            known = list(model.model_fields)
            advice = did_you_mean(name, known) or (None if known else f"{owner} takes no arguments")
            into.report(f"{owner} has no argument {name!r}", spans.get(name, span), use=use, help=advice)
        else:
            message, advice = _mismatch(name, owner, details)
            into.report(message, spans.get(name, span), use=use, help=advice)


def _purpose(model: type[BaseModel], name: str) -> str | None:
    field = model.model_fields.get(name)
    return f"{name}: {field.description}" if field is not None and field.description else None


def _mismatch(name: str, owner: str, details: list[ErrorDetails]) -> tuple[str, str | None]:
    """What a field needs and what it got: bounds say more than kinds, so they come first."""
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    if unknown:
        return f"{name} of {owner} has no {unknown[0]['loc'][-1]!r}", None
    chosen = [detail for detail in details if _kind(detail) is None] or details
    needs = list(dict.fromkeys(_needs(detail) for detail in chosen))
    got = shorten(_shown(chosen[0]["input"]))
    subject = f"{name} of {owner}" if name else owner
    words = [word for detail in chosen if detail["type"] == "literal_error" for word in _literals(detail)]
    advice = did_you_mean(str(chosen[0]["input"]), words) if words and isinstance(chosen[0]["input"], str) else None
    return f"{subject} needs {' or '.join(needs)}, got {got}", advice if advice and advice.startswith("did") else None


def _kind(detail: ErrorDetails) -> str | None:
    head, _, tail = detail["type"].partition("_")
    if tail in ("type", "parsing", "from_float", "attributes_type", "instance_of"):
        return _KINDS.get(head)
    return None


def _needs(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    kind = _kind(detail)
    if kind is not None:
        return kind
    match detail["type"]:
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "greater_than":
            return f"more than {context['gt']}"
        case "less_than_equal":
            return f"at most {context['le']:,}" if isinstance(context["le"], int) else f"at most {context['le']}"
        case "less_than":
            return f"less than {context['lt']}"
        case "literal_error":
            return f"one of {', '.join(_literals(detail))}"
        case "too_short":
            return f"at least {context['min_length']} items"
        case "too_long":
            return f"at most {context['max_length']} items"
        case "string_too_short":
            return "a word"
        case "missing":
            return f"{detail['loc'][-1]!r}"
        case "is_instance_of":
            return {"Mapping": "a mapping", "Sequence": "a list"}.get(str(context["class"]), "a word")
        case "finite_number":
            return "a finite number"
    return detail["msg"].removeprefix("Value error, ").lower()


def _literals(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for part in expected.split(" or ") for word in part.split(",")]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, Scalar | Sequence | Mapping):
        return describe(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    return repr(value) if isinstance(value, str) else str(value)
