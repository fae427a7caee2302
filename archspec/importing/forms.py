"""Compares terms: as a whole, and without the numbers that may differ between the uses of a block."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from archspec.importing.laws import Ladder
from archspec.importing.terms import Term
from archspec.ops import BY_WORD


def form_of(term: Term, *, named: bool = True) -> Hashable:
    """All that a term says, with or without its name: terms of one form are the same text."""
    branches = tuple(forms_of(branch) for branch in term.branches)
    layers = tuple((name, forms_of(given)) for name, given in sorted(term.layers.items()))
    fields = tuple((name, repr(value)) for name, value in sorted(term.fields.items()))
    return term.kind, _word(term), fields, term.name if named else None, branches, layers, term.source, term.results


def forms_of(terms: list[Term]) -> Hashable:
    """The forms of several terms."""
    return tuple(form_of(term) for term in terms)


class Skeletons:
    """What terms say without their numbers, as numbers: terms of one skeleton can be one block with arguments.

    Each term is looked at once, so that it must not change while this is used.

    >>> skeletons = Skeletons()
    >>> skeletons.of([Term("op", "conv", {"out": 8})]) == skeletons.of([Term("op", "conv", {"out": 16})])
    True
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, tuple[Term, int]] = {}
        """By the id of a term, the term, so that no other has its id, and its skeleton."""

    def of(self, terms: list[Term]) -> tuple[int, ...]:
        """The skeletons of terms in a row."""
        return tuple(self.of_term(term) for term in terms)

    def of_term(self, term: Term) -> int:
        known = self._known.get(id(term))
        if known is None:
            branches = tuple(self.of(branch) for branch in term.branches)
            layers = tuple((name, self.of(given)) for name, given in sorted(term.layers.items()))
            form = (head_of(term), fields_form(term), branches, layers)
            known = self._known[id(term)] = term, self._numbers.setdefault(form, len(self._numbers))
        return known[1]


def head_of(term: Term) -> tuple[Hashable, ...]:
    """What a term is, without its arguments and what is inside."""
    return term.kind, _word(term), term.name, term.source, term.results


def fields_form(term: Term) -> Hashable:
    """The arguments of a term without their numbers."""
    return tuple((name, _constant(value)) for name, value in sorted(all_fields(term).items()))


def _word(term: Term) -> str:
    return "" if term.kind == "scope" else term.word


def _constant(value: Any) -> Hashable:
    if is_number(value):
        return "number"
    if isinstance(value, str) and (ladder := Ladder.parse(value)) is not None:
        return "ladder", ladder.factor, ladder.whole
    if is_number_mapping(value):
        return ("mapping", *value)
    return ("list", len(value)) if is_number_list(value) else repr(value)


def is_number(value: Any) -> bool:
    """Whether the value of a field can be the number of an argument."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_number_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_number, value))


def is_number_mapping(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(is_number, value.values()))


def all_fields(term: Term) -> dict[str, Any]:
    """The arguments of a term, with the defaults that are numbers."""
    if term.kind not in ("op", "join"):
        return term.fields
    fields = BY_WORD[term.word].model_fields
    known = {name: term.fields.get(name, field.default) for name, field in fields.items()}
    return {name: value for name, value in known.items() if name in term.fields or is_number(value)}
