"""Folds equal layers in a row into `repeat`."""

from __future__ import annotations

import re

from archspec.importing.forms import form_of
from archspec.importing.terms import Term


def fold_loops(terms: list[Term]) -> list[Term]:
    """The terms of a scope, with runs of equal ones as iterators: unnamed, or with names that count."""
    folded: list[Term] = []
    start = 0
    while start < len(terms):
        times = _count_turns(terms, start)
        folded.append(terms[start] if times == 1 else _make_loop(terms[start], times))
        start += times
    return folded


def fold_scope(scope: Term) -> None:
    """Makes a scope of equal parts `0`, `1`, … an iterator of that name."""
    first, *others = scope.body
    alike = first.kind == "scope" and (len(first.body) > 1 or first.body[0].name is not None)
    parts = [first, *others]
    names = [part.name for part in parts] == list(map(str, range(len(parts))))
    if others and alike and names and len({form_of(part, named=False) for part in parts}) == 1:
        scope.kind, scope.word, scope.fields = "repeat", "repeat", {"times": len(parts)}
        scope.branches = [first.body]


def _count_turns(terms: list[Term], start: int) -> int:
    """The number of terms from `start` on that are turns of one iterator."""
    first = terms[start]
    if first.kind not in ("call", "scope") or first.source or first.results or not _is_turn(first):
        return 1
    form = form_of(first, named=False)
    times = 1
    while start + times < len(terms) and form_of(terms[start + times], named=False) == form:
        if terms[start + times].name != _name_turn(first.name, times):
            break
        times += 1
    return times


def _is_turn(term: Term) -> bool:
    """Whether a term can be the only layer of a turn: a scope must not be a list of one layer, which has no scope in a turn."""
    counted = term.name is None or (
        re.fullmatch(r".*\D\d+", term.name) is not None and not re.search(r"\D0\d", term.name)
    )
    return counted and (term.kind == "call" or (term.name is not None and len(term.body) > 1))


def _name_turn(name: str | None, turn: int) -> str | None:
    if name is None:
        return None
    prefix, number = _split_name(name)
    return f"{prefix}{number + turn}"


def _split_name(name: str) -> tuple[str, int]:
    prefix = name.rstrip("0123456789")
    return prefix, int(name[len(prefix) :])


def _make_loop(term: Term, times: int) -> Term:
    fields: dict[str, object] = {"times": times}
    if term.name is not None:
        prefix, number = _split_name(term.name)
        fields |= {"name": prefix} if number == 1 else {"name": prefix, "start": number}
    term.name = None
    body = [term] if term.kind == "call" else term.body
    return Term("repeat", "repeat", fields, branches=[body], channels=term.channels)
