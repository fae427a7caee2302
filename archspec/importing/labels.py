"""Leaves out the names of modules that the language gives by itself, and gives stages the names that they need."""

from __future__ import annotations

from archspec.importing.terms import Term, iter_scope
from archspec.ir.names import UniqueNames


def number_scope(terms: list[Term]) -> None:
    """Removes the names of the layers of one scope that are their numbers, and gives names to those whose number is another's name.

    >>> layers = [Term("op", "relu"), Term("op", "conv", name="0"), Term("op", "linear", name="fc")]
    >>> number_scope(layers)
    >>> [layer.name for layer in layers]
    ['relu', None, 'fc']
    """
    members = [*iter_scope(terms)]
    names = UniqueNames({term.name.partition(".")[0] for term in members if term.name is not None})
    number = 0
    for term in members:
        if not term.numbered or term.name not in (None, str(number)):
            continue
        if term.name is None and str(number) in names.taken:
            term.name = names.take(term.word)
            continue
        term.name = None
        number += 1


def name_stages(terms: list[Term], taken: set[str]) -> None:
    """Names the stages that have no module: after their value, or their word."""
    names = UniqueNames(taken)
    for term in terms:
        if term.name is None:
            term.name = term.results[0] if len(term.results) == 1 else names.take(_stem(term))


def _stem(term: Term) -> str:
    """A name for a term: its word, or the last part of the path of a module that has letters."""
    if term.kind != "reuse":
        return term.word
    return next((part for part in reversed(term.word.split(".")) if part and not part.isdecimal()), term.kind)
