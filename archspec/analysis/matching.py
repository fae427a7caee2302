"""Matches the parts of a region of one network with those of a region of another, by names, structure and order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

Match = tuple[int | None, int | None]
"""The positions of a part before and after; None for a network without it."""


@dataclass(frozen=True, slots=True)
class MatchedPart:
    """What a part is matched by.

    >>> MatchedPart("conv1", "conv", 0).is_positional, MatchedPart("layer1.0", "conv", 0).is_positional
    (False, True)
    """

    name: str
    """The name relative to the region."""
    kind: str
    form: Hashable
    """Equal for parts of the same structure, in both networks."""

    @property
    def is_positional(self) -> bool:
        """Whether the name is only the position, as in `nn.Sequential`: an insertion before the part changes it."""
        return not self.name or any(map(str.isdigit, self.name.split(".")))


def match_parts(before: Sequence[MatchedPart], after: Sequence[MatchedPart]) -> list[Match]:
    """Matches two sequences of parts: by names that say more than a position, then equal structures in order, then kinds in order.

    A part with a name of its own is matched with one of another name only if they are equal. The result is in the order of the second
    sequence, with removed parts at their old places.

    >>> conv, wide, relu = MatchedPart("0", "conv", 1), MatchedPart("0", "conv", 2), MatchedPart("1", "relu", 3)
    >>> match_parts([conv, relu], [relu, conv, relu])  # a layer before the others: their positions change
    [(None, 0), (0, 1), (1, 2)]
    >>> match_parts([conv, relu], [wide, relu]), match_parts([MatchedPart("a", "relu", 3)], [MatchedPart("b", "relu", 3)])
    ([(0, 0), (1, 1)], [(0, 0)])
    """
    partners = dict(_match_names(before, after))
    taken = set(partners.values())
    rest_before = [place for place in range(len(before)) if place not in partners]
    rest_after = [place for place in range(len(after)) if place not in taken]
    partners.update(_match_rest(before, after, rest_before, rest_after))
    return list(_merge_order(partners, len(before), len(after)))


def _match_names(before: Sequence[MatchedPart], after: Sequence[MatchedPart]) -> Iterator[tuple[int, int]]:
    places = {part.name: place for place, part in enumerate(after) if not part.is_positional}
    for place, part in enumerate(before):
        if not part.is_positional and part.name in places:
            yield place, places[part.name]


def _match_rest(
    before: Sequence[MatchedPart], after: Sequence[MatchedPart], ours: Sequence[int], theirs: Sequence[int]
) -> Iterator[tuple[int, int]]:
    for equal, run, other in _align(ours, theirs, lambda place: before[place].form, lambda place: after[place].form):
        yield from zip(run, other, strict=True) if equal else _match_gap(before, after, run, other)


def _match_gap(
    before: Sequence[MatchedPart], after: Sequence[MatchedPart], ours: Sequence[int], theirs: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Matches parts of positional names between two matched ones by their kinds, and of other kinds by their positions."""
    ours = [place for place in ours if before[place].is_positional]
    theirs = [place for place in theirs if after[place].is_positional]
    for equal, run, other in _align(ours, theirs, lambda place: before[place].kind, lambda place: after[place].kind):
        if equal:
            yield from zip(run, other, strict=True)
            continue
        places = {after[place].name: place for place in other if after[place].name}
        yield from ((place, places[before[place].name]) for place in run if before[place].name in places)


def _align(
    ours: Sequence[int],
    theirs: Sequence[int],
    key_before: Callable[[int], Hashable],
    key_after: Callable[[int], Hashable],
) -> Iterator[tuple[bool, Sequence[int], Sequence[int]]]:
    """The consecutive pieces of two sequences, and whether their keys are equal. Equal beginnings stay together."""
    one, two = [key_before(place) for place in ours], [key_after(place) for place in theirs]
    start = sum(1 for _ in takewhile(lambda keys: keys[0] == keys[1], zip(one, two, strict=False)))
    yield True, ours[:start], theirs[:start]
    matcher = SequenceMatcher(None, one[start:], two[start:], autojunk=False)
    for tag, low, high, other_low, other_high in matcher.get_opcodes():
        yield tag == "equal", ours[start + low : start + high], theirs[start + other_low : start + other_high]


def _merge_order(partners: dict[int, int], before: int, after: int) -> Iterator[Match]:
    sources = {target: place for place, target in partners.items()}
    waiting = [place for place in range(before) if place not in partners]
    for target in range(after):
        place = sources.get(target)
        while place is not None and waiting and waiting[0] < place:
            yield waiting.pop(0), None
        yield place, target
    yield from ((place, None) for place in waiting)
