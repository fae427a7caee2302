"""Estimates how often the text of a scope will stand in a document, once the scopes around it are blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from archspec.importing.forms import skeleton_of
from archspec.importing.terms import Term, iter_inside

Place = tuple[Hashable, Hashable]
"""What is around a scope, and where in it the scope is."""


def weigh_scopes(terms: list[Term]) -> dict[int, float]:
    """The share of each scope, by its id, in the text of its place.

    The parts of one class, or of one structure, will be one block, so that a scope inside each of them stands once in the document. A scope
    that only some of them have may become an argument of the block, and stands at each use.

    >>> def make(name):
    ...     return Term("scope", "unit", name=name, branches=[[Term("scope", "", name="inner", branches=[[Term("op", "relu")]])]])
    >>> sorted(weigh_scopes([make("a"), make("b")]).values())
    [0.5, 0.5, 1.0, 1.0]
    """
    owners: dict[int, Hashable] = {}
    places: dict[int, Place] = {}
    _collect(terms, "", owners, places)
    parents = Counter(owners.values())
    counts = Counter(places.values())
    return {scope: 1 / counts[place] if counts[place] >= parents[place[0]] else 1.0 for scope, place in places.items()}


def _collect(terms: list[Term], owner: Hashable, owners: dict[int, Hashable], places: dict[int, Place]) -> None:
    for number, scope in enumerate(_iter_nearest([terms])):
        places[id(scope)] = owner, scope.name or number
        own = scope.word or _fold_skeleton(scope.body)
        owners[id(scope)] = own
        _collect(scope.body, own, owners, places)


def _fold_skeleton(terms: list[Term]) -> Hashable:
    """The skeletons of terms, without their numbers as names, once for equal ones in a row: those will be iterators."""
    forms = [skeleton_of([replace(term, name=None if (term.name or "").isdecimal() else term.name)]) for term in terms]
    return tuple(form for form, _ in groupby(forms))


def _iter_nearest(lists: Iterable[list[Term]]) -> Iterator[Term]:
    """Yields the outermost scopes in lists."""
    for terms in lists:
        for term in terms:
            if term.kind == "scope":
                yield term
            else:
                yield from _iter_nearest(iter_inside(term))
