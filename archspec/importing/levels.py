"""Orders the scopes of a document by what is inside them, so that inner ones are blocks before those around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from archspec.importing.terms import Term, iter_inside, iter_nearest_scopes


def list_levels(terms: list[Term]) -> list[list[Term]]:
    """The scopes among terms, inner ones first; those of one class are in one level, the last that one of them needs.

    >>> inner = Term("scope", "", name="inner", branches=[[Term("op", "relu")]])
    >>> [[scope.name for scope in level] for level in list_levels([Term("scope", "", name="outer", branches=[[inner]])])]
    [['inner'], ['outer']]
    """
    inside: dict[int, list[Term]] = {}
    scopes = list(_iter_scopes(terms, inside))
    recursive = {scope.word for scope in scopes if scope.word in _list_classes(scope, inside)}
    heights: dict[int, int] = {}
    classes: dict[str, int] = {}
    settled = False
    while not settled:  # a level for each step of the longest chain of classes
        settled = True
        for scope in scopes:
            height = max((1 + heights[id(own)] for own in inside[id(scope)]), default=0)
            if scope.word and scope.word not in recursive:
                height = classes[scope.word] = max(height, classes.get(scope.word, 0))
            settled = settled and heights.get(id(scope)) == height
            heights[id(scope)] = height
    ordered = sorted(scopes, key=lambda scope: heights[id(scope)])
    return [list(level) for _, level in groupby(ordered, key=lambda scope: heights[id(scope)])]


def _iter_scopes(terms: Iterable[Term], inside: dict[int, list[Term]]) -> Iterator[Term]:
    """Yields the scopes among terms, inner ones first, and notes the scopes directly inside each, by its id."""
    for term in terms:
        for branch in iter_inside(term):
            yield from _iter_scopes(branch, inside)
        if term.kind == "scope":
            inside[id(term)] = list(iter_nearest_scopes(iter_inside(term)))
            yield term


def _list_classes(scope: Term, inside: dict[int, list[Term]]) -> set[str]:
    """The classes of all scopes inside one."""
    direct = inside[id(scope)]
    return {own.word for own in direct if own.word}.union(*(_list_classes(own, inside) for own in direct))
