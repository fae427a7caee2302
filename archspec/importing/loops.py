"""Folds equal layers in a row into `repeat`, also if a number of theirs grows by the same step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any

from archspec.importing.forms import form_of, forms_of, is_number
from archspec.importing.laws import find_progression
from archspec.importing.length import count_words
from archspec.importing.terms import Term

_PERIOD = 6  # the most layers of a turn that is no part
_ROUNDING = 1e-9
_OVERHEAD = 4  # tokens of an iterator besides its layers


def fold_loops(terms: list[Term]) -> list[Term]:
    """The terms of a scope, with runs of equal ones as iterators: unnamed, or with names that count."""
    folded: list[Term] = []
    start = 0
    while start < len(terms):
        loop, count = _find_loop(terms, start)
        folded.append(loop or terms[start])
        start += count
    return folded


def fold_scope(scope: Term) -> None:
    """Makes a scope of turns with numbers or names an iterator of that name."""
    loop = scope.body[0]
    named = loop.name is not None or loop.source or loop.results
    if len(scope.body) > 1 or loop.kind != "repeat" or loop.word != "repeat" or named:
        return
    turn = loop.body[0]
    if len(loop.body) > 1 or turn.name is not None or not turn.numbered or turn.source or turn.results:
        return
    if "index" in loop.fields and "name" not in loop.fields:  # without names, its turns would be numbered from 0
        return
    if turn.kind != "scope":
        scope.kind, scope.word, scope.fields, scope.branches = "repeat", "repeat", loop.fields, [[turn]]
    elif "name" not in loop.fields and (len(turn.body) > 1 or turn.body[0].name is not None):
        scope.kind, scope.word, scope.fields, scope.branches = "repeat", "repeat", loop.fields, [turn.body]


def _find_loop(terms: list[Term], start: int) -> tuple[Term | None, int]:
    """The iterator that begins with a term, and the number of terms that it takes; None and 1 if there is none."""
    times = _count_turns(terms, start)
    if times > 1:
        return _make_loop(terms[start : start + times]), times
    period, times = max(
        ((period, _count_repetitions(terms, start, period)) for period in range(1, _PERIOD + 1)),
        key=lambda found: found[0] * (found[1] - 1),
    )
    window = terms[start : start + period]
    if (times - 1) * count_words(window, {}) <= _OVERHEAD:
        return None, 1
    return Term("repeat", "repeat", {"times": times}, branches=[window], channels=window[0].channels), period * times


def _count_repetitions(terms: list[Term], start: int, period: int) -> int:
    """How often a window of unnamed layers repeats from `start` on."""
    window = terms[start : start + period]
    if len(window) < period or any(term.name or term.source or term.results for term in window):
        return 1
    forms = [form_of(term) for term in window]
    times = 1
    while [form_of(term) for term in terms[start + times * period : start + (times + 1) * period]] == forms:
        times += 1
    return times


# -- turns that are parts -----------------------------------------------------------------------------------------


def _count_turns(terms: list[Term], start: int) -> int:
    """The number of terms from `start` on that are turns of one iterator."""
    first = terms[start]
    if first.kind not in ("call", "scope") or first.source or first.results or not _is_turn(first):
        return 1
    form = form_of_turn(first)
    stop = start + 1
    while stop < len(terms) and terms[stop].name == _name_turn(first.name, stop - start):
        if form_of_turn(terms[stop]) != form:
            break
        stop += 1
    run = terms[start:stop]
    steady = min((_count_steady([term.fields[name] for term in run]) for name in first.fields), default=len(run))
    laws = _find_progressions(run[:steady])
    return steady if laws == {} or (laws and steady > 2) else 1


def _count_steady(values: list[Any]) -> int:
    """How many values from the first on are equal, or grow by the same step."""
    if len(values) < 2 or not is_number(values[0]):
        return len(values)
    step = values[1] - values[0]
    steps = (abs(after - before - step) < _ROUNDING for before, after in pairwise(values))
    return 1 + sum(1 for _ in takewhile(bool, steps))


def form_of_turn(term: Term) -> Any:
    """What turns of an iterator have in common: all but the numbers of a use of a block."""
    if term.kind != "call":
        return form_of(term, named=False)
    numbers = [name if is_number(value) else (name, repr(value)) for name, value in term.fields.items()]
    return term.word, numbers, [(name, forms_of(given)) for name, given in term.layers.items()]


def _find_progressions(terms: Sequence[Term]) -> dict[str, str] | None:
    """The arithmetic over the turn for each number that differs; None if one follows no law."""
    laws: dict[str, str] = {}
    for name, value in terms[0].fields.items():
        values = [term.fields[name] for term in terms]
        if any(other != value for other in values):
            law = find_progression(values)
            if law is None:
                return None
            laws[name] = law
    return laws


def _is_turn(term: Term) -> bool:
    """Whether a term can be the only layer of a turn: a scope must not be a list of one layer, which has no scope in a turn."""
    counted = term.name is None or (re.fullmatch(r".*\D([1-9]\d*|0)", term.name) is not None)
    return counted and (term.kind == "call" or (term.name is not None and len(term.body) > 1))


def _name_turn(name: str | None, turn: int) -> str | None:
    if name is None:
        return None
    prefix, number = _split_name(name)
    return f"{prefix}{number + turn}"


def _split_name(name: str) -> tuple[str, int]:
    prefix = name.rstrip("0123456789")
    return prefix, int(name[len(prefix) :])


def _make_loop(terms: Sequence[Term]) -> Term:
    term = terms[0]
    fields: dict[str, Any] = {"times": len(terms)}
    laws = _find_progressions(terms) or {}
    number = 1
    if term.name is not None:
        prefix, number = _split_name(term.name)
        fields |= {"name": prefix} if number == 1 else {"name": prefix, "start": number}
    if laws:
        fields["index"] = "i"
        shift = f"(i - {number - 1})" if number != 1 else "i"
        term.fields |= {name: law.replace("i", shift) for name, law in laws.items()}
    term.name = None
    body = [term] if term.kind == "call" else term.body
    return Term("repeat", "repeat", fields, branches=[body], channels=term.channels)
