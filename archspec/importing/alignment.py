"""Lines up the layers of several scopes: what they have in common, what only some have, and what differs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from archspec.errors import ArchspecError
from archspec.importing.forms import Skeletons, all_fields, fields_form, head_of, is_number
from archspec.importing.skip_connections import wrap_plain
from archspec.importing.terms import Term
from archspec.ops import BY_WORD
from archspec.ops.base import Op

Uses = Sequence[list[Term] | None]
"""The layers at one place in each use; None where a use does not have the place."""

_MOST_RUNS = 2  # of optional layers between two common ones
_SHARED = 2  # of the terms of the shorter list, one of so many must be in the other, too
_ALIKE, _EQUAL = 8, 16  # how much terms with contents of other and of the same structure fit, besides their numbers


class UnalikeError(ArchspecError):
    """Raised if no block with layers as arguments can say all the scopes."""


@dataclass(slots=True)
class Aligned:
    """A term that each use has, with other numbers and other contents."""

    uses: list[Term | None]
    branches: list[list[Column]] = field(default_factory=list)
    layers: dict[str, list[Column]] = field(default_factory=dict)


@dataclass(slots=True)
class Optional:
    """Terms in a row that only some of the uses have."""

    present: list[bool | None]
    columns: list[Column]


@dataclass(slots=True)
class Choice:
    """A layer that differs: an argument of the block."""

    layers: list[list[Term] | None]
    name: str | None
    """The name of its module, if it has one."""
    whole: bool = False
    """Whether it is a branch of a join."""


Column = Aligned | Optional | Choice


@dataclass(frozen=True, slots=True)
class _Slot:
    """One place of several lists: a term that stands for those at this place, and where each list has its own."""

    term: Term
    places: dict[Hashable, int]

    def choose(self, key: Hashable | None, terms: list[Term] | None) -> Term | None:
        """The term of one use at this place, if it has one."""
        return None if terms is None or key not in self.places else terms[self.places[key]]


@dataclass(frozen=True, slots=True)
class Aligner:
    """Lines up lists of layers.

    >>> columns = Aligner(Skeletons()).align([[Term("op", "relu")], [Term("op", "relu"), Term("op", "batchnorm")]])
    >>> [type(column).__name__ for column in columns], columns[1].present
    (['Aligned', 'Optional'], [False, True])
    """

    skeletons: Skeletons
    counted: bool = False
    """Whether a part that some branches of a join have, and others not, stands as often as an argument says; else it is an argument."""

    _alike: dict[tuple[int, int], bool] = field(default_factory=dict)
    """By their skeletons, whether terms can be in one column."""

    def align(self, uses: Uses) -> list[Column]:
        """The columns of lists of layers, in order. Raises `UnalikeError`."""
        rows: dict[Hashable, list[Term]] = {self.skeletons.of(terms): terms for terms in uses if terms is not None}
        if len(rows) > 1 and (wrapped := wrap_plain(uses)) is not None:
            return self.align(wrapped)
        if len(rows) == 1:
            places = range(len(next(iter(rows.values()))))
            return [self._align_terms([None if terms is None else terms[place] for terms in uses]) for place in places]
        keys: list[Hashable | None] = [None if terms is None else self.skeletons.of(terms) for terms in uses]
        return self._split_columns(self._line_up(rows), keys, uses)

    # -- terms that fit -----------------------------------------------------------------------------------------------

    def _align_terms(self, uses: list[Term | None]) -> Aligned:
        first = next(term for term in uses if term is not None)
        align = self._align_branches if first.kind == "join" else self.align
        branches = [
            align([None if term is None else term.branches[place] for term in uses])
            for place in range(len(first.branches))
        ]
        layers = {
            name: self._align_layers(name, [None if term is None else term.layers[name] for term in uses])
            for name in first.layers
        }
        return Aligned(uses, branches, layers)

    def _align_branches(self, uses: Uses) -> list[Column]:
        """The columns of a branch of a join: a choice where it is a part or an identity, else those of its layers."""
        present = [terms for terms in uses if terms is not None]
        names = {terms[0].name for terms in present if terms}
        single = all(len(terms) <= 1 for terms in present) and all(_is_part(term) for own in present for term in own)
        alike = all(terms and present[0] and self.compare(present[0][0], terms[0]) for terms in present)
        if alike or not single or len(names) != 1:
            return self.align(uses)
        if self.counted and len({self.skeletons.of(terms) for terms in present if terms}) == 1:
            filled = [terms or None for terms in uses]
            return [Optional([None if terms is None else bool(terms) for terms in uses], self.align(filled))]
        return [Choice(list(uses), names.pop(), whole=True)]

    def _align_layers(self, name: str, uses: Uses) -> list[Column]:
        """The columns of what is given to an argument of an inner block; an argument of the outer one, where it differs."""
        if len({self.skeletons.of(terms) for terms in uses if terms is not None}) == 1:
            return self.align(uses)
        return [Choice(list(uses), name)]

    def compare(self, first: Term, second: Term) -> int:
        """How well two terms fit in one column; 0 if they cannot be in one."""
        key = self.skeletons.of_term(first), self.skeletons.of_term(second)
        if key[0] == key[1]:
            return _EQUAL + _count_equal(first, second)
        if key not in self._alike:
            self._alike[key] = self._is_alike(first, second)
        return _ALIKE + _count_equal(first, second) if self._alike[key] else 0

    def _is_alike(self, first: Term, second: Term) -> bool:
        if head_of(first) != head_of(second) or fields_form(first) != fields_form(second):
            return False
        if len(first.branches) != len(second.branches) or first.layers.keys() != second.layers.keys():
            return False
        try:
            self._align_terms([first, second])
        except UnalikeError:
            return False
        return True

    # -- lists of other lengths ---------------------------------------------------------------------------------------

    def _line_up(self, rows: dict[Hashable, list[Term]]) -> list[_Slot]:
        """The places of several lists; the longest is the first, and others are matched with it."""
        slots: list[_Slot] = []
        for key, terms in sorted(rows.items(), key=lambda row: -len(row[1])):
            gains = [[self.compare(slot.term, own) for own in terms] for slot in slots]
            pairs = _match(gains, len(terms))
            if slots and len(pairs) * _SHARED < min(len(slots), len(terms)):
                raise UnalikeError
            slots = _merge_row(slots, key, terms, pairs)
        return slots

    def _split_columns(self, slots: list[_Slot], keys: list[Hashable | None], uses: Uses) -> list[Column]:
        """The columns of all uses, and between them choices and optional layers."""
        rows = {key for key in keys if key is not None}
        split: list[Column] = []
        place = 0
        for common, group in groupby(slots, key=lambda slot: slot.places.keys() == rows):
            own = list(group)
            place += len(own)
            chosen = [[slot.choose(key, terms) for key, terms in zip(keys, uses, strict=True)] for slot in own]
            if common:
                split += map(self._align_terms, chosen)
            elif _is_choice(own, last=place == len(slots)):
                split.append(_make_choice(chosen, uses))
            else:
                split += self._make_optional(own, chosen, keys)
        return split

    def _make_optional(
        self, slots: list[_Slot], chosen: list[list[Term | None]], keys: list[Hashable | None]
    ) -> list[Column]:
        terms = [slot.term for slot in slots]
        rows = [slot.places.keys() for slot in slots]
        starts = [place for place in range(len(slots)) if not place or rows[place] != rows[place - 1]]
        if len(starts) > _MOST_RUNS or any(term.results or term.source or term.kind == "value" for term in terms):
            raise UnalikeError
        return [
            Optional(
                [None if key is None else key in rows[start] for key in keys],
                [self._align_terms(own) for own in chosen[start:stop]],
            )
            for start, stop in zip(starts, [*starts[1:], len(slots)], strict=True)
        ]


def _is_part(term: Term) -> bool:
    """Whether a term is a layer with a name that reads only the current value."""
    named = term.name is not None and "." not in term.name
    whole = term.closed if term.kind == "scope" else term.kind in ("op", "call")
    return named and whole and not term.source and not term.results


def _count_equal(first: Term, second: Term) -> int:
    """How many numbers of two terms are equal, or are the same multiple of the channels."""
    own, others = all_fields(first), all_fields(second)
    pairs = [(own[name], others[name]) for name in own if is_number(own[name])]
    before, after = first.channels or 1, second.channels or 1
    return sum(value == other or value * after == other * before for value, other in pairs)


def _match(gains: list[list[int]], width: int) -> list[tuple[int, int]]:
    """The pairs, in order, with the largest sum of gains: a longest common subsequence."""
    best = [[0] * (width + 1) for _ in range(len(gains) + 1)]
    for row in reversed(range(len(gains))):
        for place in reversed(range(width)):
            gain = gains[row][place]
            taken = gain + best[row + 1][place + 1] if gain else 0
            best[row][place] = max(taken, best[row + 1][place], best[row][place + 1])
    pairs, row, place = [], 0, 0
    while row < len(gains) and place < width:
        gain = gains[row][place]
        if gain and best[row][place] == gain + best[row + 1][place + 1]:
            pairs.append((row, place))
            row, place = row + 1, place + 1
        elif best[row][place] == best[row + 1][place]:
            row += 1
        else:
            place += 1
    return pairs


def _merge_row(slots: list[_Slot], key: Hashable, terms: list[Term], pairs: list[tuple[int, int]]) -> list[_Slot]:
    merged: list[_Slot] = []
    place = start = 0
    for row, column in [*pairs, (len(slots), len(terms))]:
        merged += slots[place:row]
        merged += [_Slot(terms[own], {key: own}) for own in range(start, column)]
        if row < len(slots):
            merged.append(_Slot(slots[row].term, {**slots[row].places, key: column}))
        place, start = row + 1, column + 1
    return merged


def _is_choice(slots: list[_Slot], *, last: bool) -> bool:
    """Whether places are alternatives for one layer, whose name is the argument's: it is named, or has no weights and is the last."""
    rows = [key for slot in slots for key in slot.places]
    terms = [slot.term for slot in slots]
    if len(set(rows)) < len(rows) or any(term.source or term.results for term in terms):
        return False
    if last and all(_is_activation(term) for term in terms):
        return True
    return len(slots) > 1 and all(_is_part(term) for term in terms) and len({term.name for term in terms}) == 1


def _is_activation(term: Term) -> bool:
    """Whether a term is an activation without a name and without weights."""
    op = BY_WORD.get(term.word) if term.kind == "op" and term.name is None else None
    return op is not None and op.category == "activation" and op.weights is Op.weights


def _make_choice(chosen: list[list[Term | None]], uses: Uses) -> Choice:
    layers = [[term for term in own if term is not None] for own in zip(*chosen, strict=True)]
    name = next(term.name for own in layers for term in own)
    return Choice([None if terms is None else own for terms, own in zip(uses, layers, strict=True)], name)


def name_layer(terms: list[Term]) -> str:
    """The word that names a choice of a layer without a name."""
    return BY_WORD[terms[0].word].category if terms and terms[0].kind == "op" else "shortcut"
