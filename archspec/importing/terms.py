"""Defines terms: the layers of a spec before they are text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archspec.ops import BY_WORD

TermKind = Literal["op", "join", "value", "scope", "call", "repeat", "reuse", "argument"]
"""An op; a join or a bundle with branches; a named value; a part with a scope of names; a use of a block; an iterator; a named layer again;
the layer that an argument of a block is."""


@dataclass(slots=True)
class Term:
    """A layer of a spec.

    >>> Term("op", "conv", {"out": 8}, name="conv1").word
    'conv'
    """

    kind: TermKind
    word: str
    """The word of an op, a join or a block; the name of a value, of an argument or of a layer that is used again; the kind of a scope's region."""
    fields: dict[str, Any] = field(default_factory=dict)
    """The arguments that differ from their defaults; of a use of a block, all that are numbers."""
    name: str | None = None
    """The name of its module or scope; None if it has none, or the one that the language gives."""
    branches: list[list[Term]] = field(default_factory=list)
    """The branches of a join; the body of a scope or an iterator, as the only one."""
    layers: dict[str, list[Term]] = field(default_factory=dict)
    """The arguments of a use of a block that are layers: none for the identity, or one, of which a scope stands for its body."""
    source: tuple[str, ...] = ()
    """The named values that it reads in place of the current one."""
    results: tuple[str, ...] = ()
    """The names that its results get."""
    channels: int | None = None
    """The channels of the current value, if it has some."""
    made: int | None = None
    """The channels of the result of a scope, if it has some."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The numbers that the author of a part gave it, by name."""
    closed: bool = False
    """Whether a scope reads only the current value and returns one value, so that it can be a block."""

    @property
    def body(self) -> list[Term]:
        return self.branches[0]

    @property
    def numbered(self) -> bool:
        """Whether, unnamed, it takes the next number of its scope."""
        return self.kind in ("call", "scope") or (self.kind == "op" and BY_WORD[self.word].numbered)

    @property
    def takes_name(self) -> bool:
        """Whether a single `as` also names its module or opens a scope."""
        return not (self.kind in ("value", "reuse") or self.word == "identity")


def list_texts(fields: Mapping[str, Any]) -> list[str]:
    """The words and the arithmetic among arguments, also those in lists and mappings.

    >>> list_texts({"out": "width", "sizes": {"tokens": "depth", "channels": 8}, "kernel": [3, "size"]})
    ['width', 'depth', 'size']
    """
    values: list[Any] = []
    for value in fields.values():
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [value for value in values if isinstance(value, str)]


def iter_scope(terms: list[Term]) -> Iterator[Term]:
    """Yields the terms that take their names in one scope, in order: those of a list and of the branches in it."""
    for term in terms:
        if term.kind == "join" and term.name is None:
            for branch in term.branches:
                yield from iter_scope(branch)
        yield term


def iter_terms(terms: list[Term]) -> Iterator[Term]:
    """Yields all terms, those inside others first."""
    for term in terms:
        for inside in iter_inside(term):
            yield from iter_terms(inside)
        yield term


def iter_inside(term: Term) -> Iterator[list[Term]]:
    """Yields the lists of terms inside one: its branches, and the layers that it gives to a block."""
    yield from term.branches
    yield from term.layers.values()


def iter_nearest_scopes(lists: Iterable[list[Term]]) -> Iterator[Term]:
    """Yields the outermost scopes in lists.

    >>> [term.word for term in iter_nearest_scopes([[Term("scope", "unit", branches=[[]]), Term("op", "relu")]])]
    ['unit']
    """
    for terms in lists:
        for term in terms:
            if term.kind == "scope":
                yield term
            else:
                yield from iter_nearest_scopes(iter_inside(term))
