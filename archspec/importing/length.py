"""Measures how long the text of terms is, in words: the description length that decides between a block and its contents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archspec.importing.block import Block
from archspec.importing.terms import Term

_FEW = 5  # arguments of a block that a reader keeps in mind
_EXCESS = 4  # words that each one more counts


def count_words(terms: Iterable[Term], blocks: Mapping[str, Block]) -> int:
    """The words of terms: ops, names, arguments and their values.

    >>> count_words([Term("op", "conv", {"out": 8}), Term("op", "conv", {"out": 8, "kernel": 3}, name="conv1")], {})
    8
    """
    return sum(_count_term(term, blocks) for term in terms)


def count_block(block: Block, blocks: Mapping[str, Block]) -> int:
    """The words of a block: its name, its arguments with their defaults, and its layers; many arguments count more."""
    excess = _EXCESS * max(0, len(block.arguments) + len(block.layers) - _FEW)
    layers = sum(1 + count_words(default or (), blocks) for default in block.layers.values())
    return (
        2
        + excess
        + sum(2 + _count_value(value) - 1 for value in block.arguments.values())
        + layers
        + count_words(block.body, blocks)
    )


def _count_term(term: Term, blocks: Mapping[str, Block]) -> int:
    own = 1 + (term.name is not None) + len(term.source) + len(term.results)
    if term.kind == "call" and term.word in blocks:
        return own + _count_call(term, blocks)
    return own + _count_fields(term.fields) + sum(1 + count_words(branch, blocks) for branch in term.branches)


def _count_call(term: Term, blocks: Mapping[str, Block]) -> int:
    block = blocks[term.word]
    layers = (1 + max(1, count_words(given, blocks)) for given in block.choose_layers(term).values())
    return _count_fields(block.choose_fields(term)) + sum(layers)


def _count_fields(fields: Mapping[str, Any]) -> int:
    return sum(map(_count_value, fields.values())) + (len(fields) if len(fields) > 1 else 0)


def _count_value(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_count_value, value))
    if isinstance(value, dict):
        return len(value) + sum(map(_count_value, value.values()))
    return len(value.split()) if isinstance(value, str) else 1
