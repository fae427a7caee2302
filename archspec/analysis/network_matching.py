"""Matches the parts of two networks, region by region, and those that were moved from one region to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace

from archspec.analysis.matching import MatchedPart, match_parts
from archspec.ir.graph import Graph, Node, Region
from archspec.view.hierarchy import PartFacts, relative_name, select_scalars
from archspec.view.labels import part_kind
from archspec.view.repetition import FoldedGraph


@dataclass(frozen=True, slots=True)
class PartPair:
    """A part of one network and the matching one of another; None for a network without it.

    >>> import archspec
    >>> fc = match_networks(archspec.load("resnet18").graph, archspec.load("resnet34").graph).pairs[-1]
    >>> fc.before.part.name, fc.after.part.name, fc.moved
    ('fc', 'fc', False)
    """

    before: PartFacts | None
    after: PartFacts | None
    renamed: bool = False
    """Whether the names differ in more than a position."""
    moved: bool = False
    """Whether the parts are in regions that do not match."""


@dataclass
class NetworkMatching:
    """The matched parts of two networks; those of an added or removed region are not listed, unless they were moved there.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> len(NetworkMatching(FoldedGraph(graph), FoldedGraph(graph)).pairs) > 60
    True
    """

    before: FoldedGraph
    after: FoldedGraph
    pairs: list[PartPair] = field(init=False)
    """The parts in the order of the second network, each region before its parts; removed parts are at their old places."""
    _forms: dict[Hashable, int] = field(default_factory=dict)
    _forms_of_regions: dict[tuple[bool, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pairs = list(self._find_moved(list(self._match_regions(0, 0))))

    def _match_regions(self, before: int, after: int) -> Iterator[PartPair]:
        ours, theirs = self.before.members[before], self.after.members[after]
        names = [self._name_part(self.before, facts) for facts in ours]
        other_names = [self._name_part(self.after, facts) for facts in theirs]
        for place, other in match_parts(names, other_names):
            renamed = place is not None and other is not None and names[place].name != other_names[other].name
            yield from self._pair_parts(
                None if place is None else ours[place],
                None if other is None else theirs[other],
                renamed=renamed and not (names[place or 0].is_positional and other_names[other or 0].is_positional),
            )

    def _pair_parts(self, before: PartFacts | None, after: PartFacts | None, *, renamed: bool) -> Iterator[PartPair]:
        yield PartPair(before, after, renamed)
        if before and after and isinstance(before.part, Region) and isinstance(after.part, Region):
            yield from self._match_regions(before.part.id, after.part.id)

    def _name_part(self, folded: FoldedGraph, facts: PartFacts) -> MatchedPart:
        part = facts.part
        around = folded.graph.regions[(part.parent or 0) if isinstance(part, Region) else part.region]
        return MatchedPart(relative_name(part, around), part_kind(part), self._find_form(folded, facts))

    def _find_form(self, folded: FoldedGraph, facts: PartFacts) -> int:
        """A number that parts of the same op or of the same block, arguments, names and inner parts share, in both networks."""
        part = facts.part
        if not isinstance(part, Region):
            form: Hashable = (type(part.op), part.op) if isinstance(part, Node) else part.name
            return self._forms.setdefault(form, len(self._forms))
        key = (folded is self.after, part.id)
        if key not in self._forms_of_regions:
            arguments = tuple((name, str(value)) for name, value in select_scalars(part.arguments).items())
            inner = tuple(
                (relative_name(member.part, part), self._find_form(folded, member))
                for member in folded.members[part.id]
            )
            self._forms_of_regions[key] = self._forms.setdefault((part.kind, arguments, inner), len(self._forms))
        return self._forms_of_regions[key]

    def _find_moved(self, pairs: list[PartPair]) -> Iterator[PartPair]:
        """The pairs, with removed parts joined to added ones where their structure was removed once and added once."""
        removed = dict(
            self._list_unique(self.before, [pair.before for pair in pairs if pair.before and not pair.after])
        )
        added = dict(self._list_unique(self.after, [pair.after for pair in pairs if pair.after and not pair.before]))
        moved = {form: facts for form, facts in removed.items() if form in added}
        gone = {id(facts) for facts in moved.values()}
        for pair in pairs:
            if pair.before and pair.after:
                yield pair
            elif pair.after:
                yield from self._place_moved(pair.after, moved)
            elif id(pair.before) not in gone:
                yield pair

    def _place_moved(self, facts: PartFacts, moved: dict[int, PartFacts]) -> Iterator[PartPair]:
        """An added part, or the pair of it and the part that was moved there; then those that were moved into it."""
        source = moved.get(self._find_form(self.after, facts))
        if source is not None:
            pair, *inner = self._pair_parts(source, facts, renamed=False)
            yield replace(pair, moved=True)
            yield from inner
            return
        yield PartPair(None, facts)
        if isinstance(facts.part, Region):
            for member in self.after.members[facts.part.id]:
                yield from (pair for pair in self._place_moved(member, moved) if pair.before)

    def _list_unique(self, folded: FoldedGraph, outermost: list[PartFacts]) -> Iterator[tuple[int, PartFacts]]:
        """The regions and weighted ops in some parts whose form occurs once among them."""
        inside = [facts for part in outermost for facts in self._list_inside(folded, part)]
        count = Counter(self._find_form(folded, facts) for facts in inside)
        for facts in inside:
            form = self._find_form(folded, facts)
            if count[form] == 1 and facts.cost.params:
                yield form, facts

    def _list_inside(self, folded: FoldedGraph, facts: PartFacts) -> Iterator[PartFacts]:
        yield facts
        if isinstance(facts.part, Region):
            for member in folded.members[facts.part.id]:
                yield from self._list_inside(folded, member)


def match_networks(before: Graph, after: Graph) -> NetworkMatching:
    """The matched parts of two networks.

    >>> import archspec
    >>> matching = match_networks(archspec.load("resnet50").graph, archspec.load("resnet101").graph)
    >>> sum(pair.before is None for pair in matching.pairs)  # the added blocks of the third stage
    17
    """
    return NetworkMatching(FoldedGraph(before), FoldedGraph(after))
