"""Estimates how often the text of a scope will stand in a document, once the scopes around it are blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from itertools import groupby

from archspec.importing.forms import Skeletons, forms_of
from archspec.importing.terms import Term, iter_nearest_scopes

Place = tuple[Hashable, Hashable]
"""What is around a scope, and where in it the scope is."""


def weigh_scopes(terms: list[Term]) -> dict[int, float]:
    """The share of each scope, by its id, in the text of its place.

    The parts of one class, or of one structure, will be one block, so that a scope inside each of them stands once in the document. A scope
    that only some of them have may become an argument of the block, and stands at each use. Equal scopes in a row are an iterator.

    >>> def make(name):
    ...     return Term("scope", "unit", name=name, branches=[[Term("scope", "", name="inner", branches=[[Term("op", "relu")]])]])
    >>> sorted(weigh_scopes([make("a"), make("b")]).values())
    [0.5, 0.5, 1.0, 1.0]
    """
    owners: list[Hashable] = []
    runs: list[tuple[Place, list[Term]]] = []
    _collect(terms, "", owners, runs, Skeletons())
    parents = Counter(owners)
    counts = Counter(place for place, _ in runs)
    shares: dict[int, float] = {}
    for place, run in runs:
        texts = len({forms_of(scope.body) for scope in run}) / len(run)
        copies = counts[place] if counts[place] >= parents[place[0]] else 1
        shares.update((id(scope), texts / copies) for scope in run)
    return shares


def _collect(
    terms: list[Term],
    owner: Hashable,
    owners: list[Hashable],
    runs: list[tuple[Place, list[Term]]],
    skeletons: Skeletons,
) -> None:
    """Adds the runs of scopes of one structure among terms, which may be iterators, with their places, and what is around each."""
    owners.append(owner)
    scopes = iter_nearest_scopes([terms])
    names: Counter[str] = Counter()
    for (name, _), run in groupby(scopes, lambda own: (_strip_number(own), skeletons.of(own.body))):
        runs.append(((owner, (name, names[name])), list(run)))
        names[name] += 1
        for scope in runs[-1][1]:
            _collect(scope.body, scope.word or _fold_skeleton(scope.body, skeletons), owners, runs, skeletons)


def _fold_skeleton(terms: list[Term], skeletons: Skeletons) -> Hashable:
    """The skeletons of terms, without their numbers as names, once for equal ones in a row: those will be iterators."""
    forms = [skeletons.of_term(replace(term, name=_strip_number(term))) for term in terms]
    return tuple(form for form, _ in groupby(forms))


def _strip_number(term: Term) -> str:
    """The name of a term without the number at its end, in which turns of an iterator differ."""
    return (term.name or "").rstrip("0123456789")
