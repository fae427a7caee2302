"""Makes arguments that most uses of an op have the defaults of the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import Any

from archspec.importing.terms import Term
from archspec.ops import BY_WORD

INITIAL = frozenset(("init", "bias_init"))
"""The arguments that say how weights begin."""


def extract_defaults(terms: Iterable[Term], names: Container[str] | None = None) -> dict[str, dict[str, Any]]:
    """Removes the arguments that become defaults, all or those of these names, and returns them by op and field."""
    uses: dict[str, list[Term]] = {}
    for term in terms:
        if term.kind == "op":
            uses.setdefault(term.word, []).append(term)
    found = {word: _extract_fields(word, own, names) for word, own in uses.items()}
    return {word: fields for word, fields in found.items() if fields}


def _extract_fields(word: str, uses: list[Term], names: Container[str] | None) -> dict[str, Any]:
    defaults = {}
    for name, field in BY_WORD[word].model_fields.items():
        values = [repr(term.fields[name]) for term in uses if name in term.fields]
        if not values or field.is_required() or (names is not None and name not in names):
            continue
        text, count = Counter(values).most_common(1)[0]
        missing = [term for term in uses if name not in term.fields]
        value = next(term.fields[name] for term in uses if repr(term.fields.get(name)) == text)
        if (
            count - len(missing) < 2
            or isinstance(value, str) != (value == "same")
            or (missing and field.default is None)
        ):
            continue
        defaults[name] = value
        for term in missing:
            term.fields[name] = field.default
        for term in uses:
            if repr(term.fields[name]) == text:
                del term.fields[name]
    return defaults
