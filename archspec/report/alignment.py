"""Tells which of the parts that a report shows of two networks match, and which were added, removed or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archspec.analysis.diff import describe_pair
from archspec.analysis.network_matching import NetworkMatching, PartPair
from archspec.ir.graph import Region
from archspec.report.comparison import format_fields
from archspec.report.data import ReportParts
from archspec.view.hierarchy import PartFacts


@dataclass
class _Side:
    """The shown parts of one network: how many of the parts that each represents match, and what differs."""

    report_parts: ReportParts
    word: str
    """What a part without a match is: "added" or "removed"."""
    matched: Counter[int] = field(default_factory=Counter)
    alone: Counter[int] = field(default_factory=Counter)
    inside: set[int] = field(default_factory=set)
    """Those inside a part without a match."""
    notes: dict[int, str] = field(default_factory=dict)

    def note_alone(self, facts: PartFacts, paired: set[int]) -> None:
        index = self.report_parts.index_of(facts)
        if index is not None:
            self.alone[index] += 1
        self.inside.update(self._find_inside(facts, paired))

    def _find_inside(self, facts: PartFacts, paired: set[int]) -> Iterator[int]:
        if id(facts) in paired:
            return
        index = self.report_parts.index_of(facts)
        if index is not None:
            yield index
        if isinstance(facts.part, Region):
            for member in self.report_parts.folded.members[facts.part.id]:
                yield from self._find_inside(member, paired)

    def marks(self) -> dict[int, list[str]]:
        """For each part that differs, its mark and a note on the change."""
        marks = {index: [self.word, ""] for index in sorted(self.inside) if not self.matched[index]}
        for index, note in self.notes.items():
            marks.setdefault(index, ["changed", note])
        for index, count in self.alone.items():
            marks.setdefault(index, ["changed", f"{count} of {count + self.matched[index]} {self.word}"])
        return marks


def align_reports(before: ReportParts, after: ReportParts) -> dict[str, object]:
    """The matching of two networks' shown parts as plain data: `links` between their indices, and the marks of each network."""
    pairs = NetworkMatching(before.folded, after.folded).pairs
    sides = (_Side(before, "removed"), _Side(after, "added"))
    links: dict[tuple[int, int], None] = {}
    paired = {id(facts) for pair in pairs if pair.before and pair.after for facts in (pair.before, pair.after)}
    for pair in pairs:
        if pair.before and pair.after:
            links.update(dict.fromkeys(_link_parts(sides, pair)))
        elif pair.before:
            sides[0].note_alone(pair.before, paired)
        elif pair.after:
            sides[1].note_alone(pair.after, paired)
    marks = [side.marks() for side in sides]
    for link in links:
        _spread_change(marks, link)
    return {"links": [list(link) for link in links], "before": marks[0], "after": marks[1]}


def _spread_change(marks: Sequence[dict[int, list[str]]], link: tuple[int, int]) -> None:
    """Where a part represents more or fewer parts than the matching one, both are marked."""
    for one, other in ((0, 1), (1, 0)):
        mark = marks[one].get(link[one])
        if mark and mark[0] == "changed":
            marks[other].setdefault(link[other], mark)


def _link_parts(sides: tuple[_Side, _Side], pair: PartPair) -> Iterator[tuple[int, int]]:
    """The link between the representatives of two matching parts, if both are shown; notes what changed."""
    assert pair.before
    assert pair.after
    indices = sides[0].report_parts.index_of(pair.before), sides[1].report_parts.index_of(pair.after)
    change = describe_pair(pair)
    for side, index in zip(sides, indices, strict=True):
        if index is not None:
            side.matched[index] += 1
            if change:
                side.notes.setdefault(index, format_fields(change))
    if indices[0] is not None and indices[1] is not None:
        yield indices[0], indices[1]
