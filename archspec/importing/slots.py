"""Finds the numbers of terms, which differ between the uses of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.importing.block import Block
from archspec.importing.forms import all_fields, is_number, is_number_list, is_number_mapping
from archspec.importing.laws import Ladder
from archspec.importing.terms import Term

_WIDTHS = frozenset(("out", "groups"))
OFFSET = "before"
"""The name for the offset of numbers that grow from turn to turn."""
_WIDTH_LISTS = frozenset(("sizes", "channels", "shape"))


@dataclass(slots=True)
class Slot:
    """A field of a term, or an element of its list, that is a number, with its value and the channels before it in each use."""

    place: Any
    key: str | int
    name: str
    values: list[Any]
    channels: list[int | None]
    is_width: bool


@dataclass(frozen=True, slots=True)
class _LadderField:
    """A field that is arithmetic over the turn, whose offset can be an argument."""

    fields: dict[str, Any]
    name: str
    ladder: Ladder

    def __setitem__(self, key: str, offset: str) -> None:
        self.fields[self.name] = self.ladder.write(offset)


def iter_slots(term: Term, uses: Sequence[Term | None], blocks: Mapping[str, Block]) -> Iterator[Slot]:
    """Yields the numbers of a term, which are to be written into it, with their values in each use."""
    known = [None if own is None else all_fields(own) for own in uses]
    channels = [None if own is None else own.channels for own in uses]
    widths = blocks[term.word].widths if term.kind == "call" else _WIDTHS
    for name, first in next(own for own in known if own is not None).items():
        values = [None if own is None else own[name] for own in known]
        if is_number(first):
            yield Slot(term.fields, name, name, values, channels, name in widths)
        elif isinstance(first, str) and (ladder := Ladder.parse(first)) is not None:
            offsets = [None if own is None else Ladder.parse(own) for own in values]
            numbers = [None if own is None else own.offset for own in offsets]
            yield Slot(_LadderField(term.fields, name, ladder), OFFSET, OFFSET, numbers, channels, is_width=False)
        elif is_number_list(first):
            for place in range(len(first)):
                elements = [None if own is None else own[place] for own in values]
                yield Slot(term.fields[name], place, name, elements, channels, name in _WIDTH_LISTS)
        elif is_number_mapping(first):
            for axis in first:
                elements = [None if own is None else own[axis] for own in values]
                yield Slot(term.fields[name], axis, name, elements, channels, name in _WIDTH_LISTS)
