"""Names the input of a scope that is no block: there, the word `input` would mean that of the block or network around it."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.importing.terms import Term, iter_inside, iter_terms
from archspec.ir.names import find_free_name


def name_entry(scope: Term) -> None:
    """Names the input of a closed scope by an identity at its start, if it is read by name."""
    readers = [term for term in _iter_readable(scope.body) if "input" in (*term.source, _value_name(term))]
    if not readers:
        return
    taken = {name for term in iter_terms(scope.body) for name in (*term.results, term.name or "", term.word)}
    name, _ = find_free_name("entry", taken)
    for term in readers:
        term.source = tuple(name if own == "input" else own for own in term.source)
        term.word = name if _value_name(term) == "input" else term.word
    scope.branches[0] = [Term("op", "identity", results=(name,)), *scope.body]


def _value_name(term: Term) -> str | None:
    return term.word if term.kind == "value" else None


def _iter_readable(terms: list[Term]) -> Iterator[Term]:
    """Yields the terms whose `input` is that of the scope around them: not those inside other closed scopes."""
    for term in terms:
        yield term
        if not term.closed:
            for branch in iter_inside(term):
                yield from _iter_readable(branch)
