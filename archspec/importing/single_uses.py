"""Writes blocks that are used once in their place again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from archspec.importing.blocks import Block
from archspec.importing.inline import name_entry
from archspec.importing.terms import Term, iter_terms


def inline_single_uses(terms: list[Term], blocks: dict[str, Block]) -> None:
    """Replaces each use of a block that is the only one, and has a name, by a scope, and removes the block."""
    calls = [
        term
        for body in (terms, *(block.body for block in blocks.values()))
        for term in iter_terms(body)
        if term.kind == "call"
    ]
    counts = Counter(call.word for call in calls)
    for call in calls:
        if counts[call.word] == 1 and call.name is not None and _is_inlinable(call, blocks[call.word]):
            _inline(call, blocks.pop(call.word))


def _is_inlinable(call: Term, block: Block) -> bool:
    """Whether the arguments mean the same inside: the channels are others there, and arithmetic in arithmetic is no gain."""
    given = {**block.arguments, **call.fields}
    computed = {name for name, value in given.items() if isinstance(value, str) and not value.isidentifier()}
    inside = [value for term in iter_terms(block.body) for value in _iter_values(term.fields)]
    nested = any(computed & set(_find_names(value)) for value in inside if not value.isidentifier())
    return not nested and not any("channels" in _find_names(str(value)) for value in given.values())


def _iter_values(fields: Mapping[str, Any]) -> list[str]:
    values = [item for value in fields.values() for item in (value if isinstance(value, list) else [value])]
    return [value for value in values if isinstance(value, str)]


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
    if not isinstance(value, str):
        return value
    if value in given:
        return given[value]
    return re.sub(r"[A-Za-z_]\w*", lambda match: str(given.get(match[0], match[0])), value)
