"""Leaves out the names of modules that the language gives by itself, and gives stages the names that they need."""

from __future__ import annotations

from archspec.importing.terms import Term, iter_scope
from archspec.ir.names import UniqueNames


def number_scope(terms: list[Term]) -> None:
    """Removes the names of the layers of one scope that are their numbers."""
    number = 0
    for term in iter_scope(terms):
        if term.numbered and term.name in (None, str(number)):
            term.name = None
            number += 1


def name_stages(terms: list[Term], taken: set[str]) -> None:
    """Names the stages that have no module: after their value, or their word."""
    names = UniqueNames(taken)
    for term in terms:
        if term.name is None:
            term.name = term.results[0] if len(term.results) == 1 else names.take(term.word)
