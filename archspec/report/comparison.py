"""The difference of two networks as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archspec.analysis.diff import Diff, Part
from archspec.diagnostics import shorten
from archspec.numerals import magnitude

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_NAMES = 3  # of parts alike that are listed
_DIGITS = 10**15


def compared(diff: Diff) -> Iterator[str]:
    """The lines of the comparison: structure, counts, stages."""
    yield f"{diff.before} → {diff.after}"
    if diff.equal:
        yield "no difference"
        return
    yield ""
    yield from (line(part) for part in diff.parts) if diff.parts else ["the parts are the same"]
    yield ""
    head = ("", diff.before, diff.after, "difference")
    yield from _columns([head, *([name, *_cells(*pair)] for name, pair in diff.counts.items())])
    yield ""
    rows = [("stage", "params", "", "MACs", "")]
    for stage in diff.stages:
        if stage.before == stage.after:
            continue
        old, new = stage.before, stage.after
        params = (old.params if old else 0, new.params if new else 0)
        macs = (old.macs if old else 0, new.macs if new else 0)
        mark = "" if old and new else " (only before)" if old else " (only after)"
        rows.append(
            (shorten(stage.name, 40) + mark, number(params[1]), _delta(*params), number(macs[1]), _delta(*macs))
        )
    yield from _columns(rows) if len(rows) > 1 else ["no stage costs more or less"]


def line(part: Part) -> str:
    """A part in one line: `~ conv layer1.0.conv2 (×16): groups 1 → 32`."""
    names = ", ".join(part.names[:_NAMES]) + (f", … ×{len(part.names)}" if len(part.names) > _NAMES else "")
    fields = ", ".join(f"{name} {shorten(before, 30)} → {shorten(after, 30)}" for name, before, after in part.fields)
    what = " ".join(filter(None, (_MARKS[part.change], shorten(names, 120), part.kind)))
    return f"{what}: {fields}" if fields else what


def number(value: int) -> str:
    """A count with its thousands apart; one of very many digits by its power of ten."""
    return f"{value:,}" if abs(value) < _DIGITS else f"{'-' if value < 0 else ''}≈ 10^{magnitude(abs(value))}"


def _cells(before: int, after: int) -> list[str]:
    return [number(before), number(after), _delta(before, after)]


def _delta(before: int, after: int) -> str:
    if before == after:
        return "="
    sign = "+" if after > before else ""
    share = f" ({(after - before) / before:+.1%})" if before and abs(after) < 100 * abs(before) else ""
    return sign + number(after - before) + share


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(wide) if not at else cell.rjust(wide)
            for at, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
