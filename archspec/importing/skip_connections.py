"""Makes lists of layers with and without a skip connection alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.importing.terms import Term


def wrap_plain(uses: Sequence[list[Term] | None]) -> Sequence[list[Term] | None] | None:
    """The lists with a join around the layers of those that have no skip connection where others have one; None if that is no case.

    The identity branch is `copies` of the identity, which the plain ones have no times: a join of one value is that value.
    """
    joins = [terms for terms in uses if terms and _is_residual(terms[0])]
    plain = [terms for terms in uses if terms is not None and not (terms and _is_residual(terms[0]))]
    if not joins or not plain:
        return None
    join, tail = joins[0][0], len(joins[0]) - 1
    place = join.branches.index([])
    if any(terms[0].word != join.word or terms[0].branches.index([]) != place for terms in joins):
        return None
    if any(len(terms) <= tail or any(term.kind == "join" for term in terms) for terms in plain):
        return None
    return [None if terms is None else _wrap(terms, join, tail) for terms in uses]


def _is_residual(term: Term) -> bool:
    """Whether a term is a join of the current value and one branch."""
    free = term.kind == "join" and term.name is None and not term.fields and not term.source and not term.results
    return free and len(term.branches) == 2 and term.branches.count([]) == 1


def _wrap(terms: list[Term], join: Term, tail: int) -> list[Term]:
    residual = _is_residual(terms[0])
    copies = Term("repeat", "copies", {"times": int(residual)}, branches=[[Term("op", "identity")]])
    if residual:
        branches = [branch or [copies] for branch in terms[0].branches]
        return [replace(terms[0], branches=branches), *terms[1:]]
    stop = len(terms) - tail
    branches = [(branch and terms[:stop]) or [copies] for branch in join.branches]
    return [replace(join, branches=branches, channels=terms[0].channels), *terms[stop:]]
