"""Makes blocks: scopes that are alike become uses of one block, and what differs its arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from archspec.importing.alignment import Aligner, UnalikeError
from archspec.importing.block import Block
from archspec.importing.forms import Skeletons
from archspec.importing.generalizing import Generalization, generalize
from archspec.importing.length import count_block, count_words
from archspec.importing.terms import Term, iter_terms
from archspec.importing.value_names import WORDS
from archspec.ir.names import UniqueNames

_MOST_ARGUMENTS = 8
_TWIN = 24
"""The words that a second block of one class counts more than it has, since its reader compares it with the first."""
_CLASS = 12
"""The words that the parts of a class count more in place, since their author gave them a name."""
_PREFERENCE = 6
"""The words by which a block may be longer that takes the layer of a branch, and not how often it stands."""
_MOST_GROUPS = 24  # of one class that are tried in pairs


@dataclass(slots=True)
class _Group:
    """Scopes, the block that says them if it is shorter than they are, and how many words that takes."""

    scopes: list[Term]
    words: float
    block: Generalization | None


class Blocks:
    """The blocks of one document."""

    def __init__(self, taken: set[str], shares: Mapping[int, float]) -> None:
        self.shares = shares
        self.blocks: dict[str, Block] = {}
        self.names = UniqueNames({*taken, *WORDS})
        self.aligners = _make_aligners(Skeletons())

    def extract(self, scopes: list[Term]) -> None:
        """Replaces closed scopes by uses of blocks where that makes the document shorter.

        Scopes of one skeleton are one group. Groups of one class, or of one name, are joined while that saves words.
        """
        skeletons = Skeletons()
        self.aligners = _make_aligners(skeletons)
        rows: dict[Hashable, list[Term]] = {}
        for scope in scopes:
            rows.setdefault(skeletons.of(scope.body), []).append(scope)
        kinds: dict[str, list[_Group]] = {}
        for row in rows.values():
            kinds.setdefault(_name_block(row), []).append(self._make_group(row))
        order = {id(scope): place for place, scope in enumerate(scopes)}
        groups = [group for own in kinds.values() for group in self._join_groups(own)]
        for group in sorted(groups, key=lambda own: order[id(own.scopes[0])]):
            self._replace(group)

    def _make_group(self, scopes: list[Term]) -> _Group:
        """The group of scopes, as a block or in place, whichever is shorter."""
        shares = [self.shares[id(scope)] for scope in scopes]
        bodies = sum(
            share * (1 + count_words(scope.body, self.blocks)) for scope, share in zip(scopes, shares, strict=True)
        )
        plain = bodies + (_CLASS if any(scope.word for scope in scopes) else 0)
        if len(scopes) == 1:
            return _Group(scopes, plain, None)
        try:
            words, made = self._choose_shorter(scopes)
        except UnalikeError:
            return _Group(scopes, float("inf"), None)
        return _Group(scopes, words, made) if words < plain else _Group(scopes, plain, None)

    def _choose_shorter(self, scopes: list[Term]) -> tuple[float, Generalization]:
        """The block with layers as arguments, or that with how often they stand, and the words that it takes."""
        made = generalize(scopes, self.blocks, self.aligners[0])
        words = self._count(made, scopes)
        if made.block.layers:
            other = generalize(scopes, self.blocks, self.aligners[1])
            shorter = self._count(other, scopes)
            if words > shorter + _PREFERENCE:
                return shorter, other
        return words, made

    def _count(self, made: Generalization, scopes: list[Term]) -> float:
        if len(made.block.arguments) + len(made.block.layers) > _MOST_ARGUMENTS:
            return float("inf")
        known = {**self.blocks, "": made.block}
        uses = [
            Term("call", "", fields, scope.name, layers=layers, channels=scope.channels)
            for scope, fields, layers in zip(scopes, made.fields, made.layers, strict=True)
        ]
        words = (self.shares[id(scope)] * count_words([use], known) for scope, use in zip(scopes, uses, strict=True))
        return count_block(made.block, self.blocks) + sum(words)

    def _join_groups(self, groups: list[_Group]) -> list[_Group]:
        """Joins the two groups that save most, until none save words."""
        if len(groups) > _MOST_GROUPS:
            return groups
        tried: dict[frozenset[int], tuple[float, _Group]] = {}
        known = list(groups)  # so that no id is used again
        while True:
            best: tuple[float, _Group, _Group, _Group] | None = None
            for first, second in combinations(groups, 2):
                key = frozenset((id(first), id(second)))
                if key not in tried:
                    joined = self._make_group([*first.scopes, *second.scopes])
                    twin = _TWIN if first.block is not None and second.block is not None else _TWIN // 2
                    saved = first.words + second.words + twin - joined.words if joined.block else 0
                    tried[key] = saved, joined
                saved, joined = tried[key]
                if saved > 0 and (best is None or saved > best[0]):
                    best = saved, joined, first, second
            if best is None:
                return groups
            known.append(best[1])
            groups = [best[1], *(group for group in groups if group is not best[2] and group is not best[3])]

    def _replace(self, group: _Group) -> None:
        made = group.block
        if made is None:
            return
        name = self._take_name(_name_block(group.scopes), made.block)
        self.blocks[name] = made.block
        for scope, fields, layers in zip(group.scopes, made.fields, made.layers, strict=True):
            scope.kind, scope.word, scope.fields, scope.layers, scope.branches = "call", name, fields, layers, []

    def _take_name(self, stem: str, block: Block) -> str:
        """The name of a block: a second one of its class is called after what only it has."""
        if stem not in self.blocks:
            return self.names.take(stem)
        first = {stem} | {term.word for term in iter_terms(self.blocks[stem].body)}
        own = [term.word for term in iter_terms(block.body) if term.kind in ("op", "join", "call")]
        word = next((word for word in own if word not in first), "plain")
        return self.names.take(f"{stem}_{word}")


def _make_aligners(skeletons: Skeletons) -> tuple[Aligner, Aligner]:
    return Aligner(skeletons), Aligner(skeletons, counted=True)


def _name_block(group: Sequence[Term]) -> str:
    """The name for the block of a group: that of the region's block, or of the parts without their numbers."""
    kinds = Counter(scope.word for scope in group if scope.word)
    if kinds:
        return kinds.most_common(1)[0][0]
    stems = Counter((scope.name or "").rstrip("0123456789_").replace("-", "_") for scope in group)
    stem = stems.most_common(1)[0][0]
    if stem.isidentifier() and stem not in WORDS:
        return f"{stem}_block" if any(scope.name == stem for scope in group) else stem
    return "stage" if any(term.kind in ("call", "repeat") for term in group[0].body) else "unit"
