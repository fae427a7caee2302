"""Writes blocks that are used once in their place again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archspec.importing.block import Block
from archspec.importing.inline import name_entry
from archspec.importing.terms import Term, iter_terms, list_texts
from archspec.importing.value_names import WORDS


def inline_single_uses(terms: list[Term], blocks: dict[str, Block]) -> None:
    """Replaces each use of a block that is the only one by a scope, and removes the block."""
    lists = [terms, *(layers for block in blocks.values() for layers in block.iter_lists())]
    given = {
        id(layer) for layers in lists for term in iter_terms(layers) for own in term.layers.values() for layer in own
    }
    calls = [term for layers in lists for term in iter_terms(layers) if term.kind == "call"]
    counts = Counter(call.word for call in calls)
    for call in calls:
        placed = call.name is not None or id(call) in given
        if counts[call.word] == 1 and placed and _is_inlinable(call, blocks[call.word]):
            _inline(call, blocks.pop(call.word))


def restore_argument_names(terms: list[Term], blocks: dict[str, Block]) -> None:
    """Gives arguments that are layers the names of their modules, which blocks had that are written in their places now."""
    for word, block in blocks.items():
        uses = [term for term in iter_terms(block.body) if term.kind == "argument"]
        taken = {*WORDS, *blocks, *block.arguments, *block.layers, *_list_results(block.body)}
        for name in [name for name in block.layers if name not in _list_results(block.body)]:
            keys = {term.name or name for term in uses if term.word == name}
            if len(keys) == 1 and not keys & taken:
                _rename_argument(name, keys.pop(), word, block, [terms, *_iter_bodies(blocks.values())])


def _iter_bodies(blocks: Iterable[Block]) -> Iterator[list[Term]]:
    for block in blocks:
        yield from block.iter_lists()


def _list_results(terms: list[Term]) -> set[str]:
    return {name for term in iter_terms(terms) for name in term.results}


def _rename_argument(old: str, new: str, word: str, block: Block, lists: Iterable[list[Term]]) -> None:
    for term in iter_terms(block.body):
        if term.kind == "argument" and term.word == old:
            term.word, term.name = new, None if term.name == new else term.name
    block.layers = {new if name == old else name: default for name, default in block.layers.items()}
    for call in (term for terms in lists for term in iter_terms(terms) if term.kind == "call" and term.word == word):
        call.layers = {new if name == old else name: given for name, given in call.layers.items()}


def _is_inlinable(call: Term, block: Block) -> bool:
    """Whether the arguments mean the same inside: the channels are others there, and arithmetic in arithmetic is no gain."""
    if block.layers:
        return False
    given = {**block.arguments, **call.fields}
    computed = {name for name, value in given.items() if isinstance(value, str) and not value.isidentifier()}
    inside = [value for term in iter_terms(block.body) for value in list_texts(term.fields)]
    nested = any(computed & set(_find_names(value)) for value in inside if not value.isidentifier())
    return not nested and not any("channels" in _find_names(str(value)) for value in given.values())


def _find_names(text: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", text)


def _inline(call: Term, block: Block) -> None:
    given = {**block.arguments, **call.fields}
    for term in iter_terms(block.body):
        term.fields = {name: _substitute(value, given) for name, value in term.fields.items()}
    call.kind, call.word, call.fields, call.branches = "scope", "", {}, [block.body]
    name_entry(call)


def _substitute(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_substitute(item, given) for item in value]
    if isinstance(value, dict):
        return {name: _substitute(item, given) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    if value in given:
        return given[value]
    return re.sub(r"[A-Za-z_]\w*", lambda match: str(given.get(match[0], match[0])), value)
