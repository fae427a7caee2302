"""Compares terms: as a whole, and without the numbers that may differ between the uses of a block."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from archspec.importing.terms import Term
from archspec.ops import BY_WORD

Parameters = Mapping[str, Mapping[str, Any]]
"""The arguments of each block with their defaults; None where there is none."""


def form_of(term: Term, *, named: bool = True) -> Hashable:
    """All that a term says, with or without its name: terms of one form are the same text."""
    branches = tuple(tuple(form_of(inner) for inner in branch) for branch in term.branches)
    fields = tuple((name, repr(value)) for name, value in term.fields.items())
    return term.kind, _word(term), fields, term.name if named else None, branches, term.source, term.results


def skeleton_of(terms: list[Term], blocks: Parameters) -> Hashable:
    """What terms say without their numbers: terms of one skeleton can be one block with arguments."""
    return tuple(_skeleton(term, blocks) for term in terms)


def _skeleton(term: Term, blocks: Parameters) -> Hashable:
    fields = tuple((name, _constant(value)) for name, value in sorted(all_fields(term, blocks).items()))
    branches = tuple(skeleton_of(branch, blocks) for branch in term.branches)
    return term.kind, _word(term), fields, term.name, branches, term.source, term.results


def _word(term: Term) -> str:
    return "" if term.kind == "scope" else term.word


def _constant(value: Any) -> Hashable:
    if is_number(value):
        return "number"
    return ("list", len(value)) if is_number_list(value) else repr(value)


def is_number(value: Any) -> bool:
    """Whether the value of a field can be the number of an argument."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_number_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_number, value))


def all_fields(term: Term, blocks: Parameters) -> dict[str, Any]:
    """The arguments of a term, with the defaults that are numbers."""
    if term.kind == "call":
        return {**blocks[term.word], **term.fields}
    if term.kind not in ("op", "join"):
        return term.fields
    fields = BY_WORD[term.word].model_fields
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    return {**{name: value for name, value in defaults.items() if is_number(value)}, **term.fields}


def count_tokens(terms: list[Term]) -> int:
    """The length of terms: words, names and arguments."""
    return sum(_count(term) for term in terms)


def _count(term: Term) -> int:
    own = 1 + (term.name is not None) + len(term.source) + len(term.results)
    values = sum(len(repr(value).split()) for value in term.fields.values())
    return own + values + sum(1 + count_tokens(branch) for branch in term.branches)


def iter_scopes(terms: list[Term], height: dict[int, int]) -> Iterator[Term]:
    """Yields the scopes among terms, inner ones first, and notes how many closed scopes are nested in each, by its id."""
    for term in terms:
        inside = [scope for branch in term.branches for scope in iter_scopes(branch, height)]
        yield from inside
        if term.kind == "scope":
            height[id(term)] = 1 + max((height[id(scope)] for scope in inside), default=-1)
            yield term
