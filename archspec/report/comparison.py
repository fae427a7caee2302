"""Formats the difference of two networks as text and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archspec.analysis.diff import Diff, PartChange, StageChange
from archspec.columns import Column, Line, format_table, wrap_line
from archspec.markup import escape_markdown
from archspec.numerals import format_number
from archspec.printable import escape_unprintable, shorten_text
from archspec.report.tabular import Table, format_markdown

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_NO_STAGE = "no stage costs more or less"
_LISTED = 20  # the most changes that a page shows unfolded
_NAMES = 3  # the most names of equal changes that are listed


def format_comparison(
    diff: Diff, width: int | None = None, text: Callable[[str], str] = escape_unprintable
) -> Iterator[Line]:
    """The lines of a comparison, at most `width` characters wide: structure, counts, stages. `text` escapes what is not printable.

    >>> import archspec
    >>> arch = archspec.load("resnet18")
    >>> list(format_comparison(arch.diff(arch)))[:1]
    [(('resnet18 → resnet18', ''),)]
    """

    def plain(*given: str) -> Iterator[Line]:
        yield from (piece for line in given for piece in wrap_line(((text(line), ""),), width, indent=4))

    yield from plain(f"{diff.before} → {diff.after}")
    if diff.equal:
        yield from plain("no difference")
        return
    yield from plain("", *(map(format_change, diff.parts) if diff.parts else ["the parts are the same"]), "")
    counts, stages = _tabulate_counts(diff, diff.before, diff.after), _tabulate_stages(diff)
    yield from format_table(counts.columns, counts.rows, width, cuts=((1, 16), (2, 16)), drops=(1, 2), text=text)
    yield from plain("")
    if not stages.rows:
        yield from plain(_NO_STAGE)
        return
    yield from format_table(stages.columns, stages.rows, width, cuts=((0, 16),), drops=(3, 1, 4, 2), text=text)


def render_comparison(diff: Diff) -> str:
    """The comparison as Markdown, for a pull request: a table of the counts, the parts that differ, a table of the stages.

    >>> import archspec
    >>> arch = archspec.load("resnet18")
    >>> print(render_comparison(arch.diff(archspec.load("resnet18", classes=10))))  # doctest: +ELLIPSIS
    ### resnet18 → resnet18
    <BLANKLINE>
    |  | before | after | difference |
    |:---|---:|---:|---:|
    | params | 11,689,512 | 11,181,642 | -507,870 (-4.3%) |
    ...
    """
    return "\n\n".join(_iter_sections(diff)) + "\n"


def _iter_sections(diff: Diff) -> Iterator[str]:
    yield f"### {escape_markdown(f'{diff.before} → {diff.after}')}"
    if diff.equal:
        yield "no difference"
        return
    yield format_markdown(_tabulate_counts(diff, "before", "after"))  # two versions of a spec have one name
    yield _list_parts(diff) if diff.parts else "the parts are the same"
    stages = _tabulate_stages(diff)
    yield format_markdown(stages) if stages.rows else _NO_STAGE


def _list_parts(diff: Diff) -> str:
    """The changed parts as a list, which is folded if it is long."""
    parts = "\n".join(f"- {part.change} {escape_markdown(_describe_change(part))}" for part in diff.parts)
    if len(diff.parts) <= _LISTED:
        return parts
    return f"<details><summary>{len(diff.parts)} parts differ</summary>\n\n{parts}\n\n</details>"


def _tabulate_counts(diff: Diff, before: str, after: str) -> Table:
    heads = (Column(), *(Column(head, right=True) for head in (before, after, "difference")))
    return Table(heads, [[name, *_format_cells(*pair)] for name, pair in diff.counts.items()])


def _tabulate_stages(diff: Diff) -> Table:
    """The stages that cost more or less."""
    return Table(_STAGES, [_format_stage(stage) for stage in diff.stages if stage.before != stage.after])


_STAGES = (
    Column("stage"),
    Column("params", right=True),
    Column("params +/-", right=True),
    Column("MACs", right=True),
    Column("MACs +/-", right=True),
)


def _format_stage(stage: StageChange) -> tuple[str, ...]:
    old, new = stage.before, stage.after
    params = (old.params if old else 0, new.params if new else 0)
    macs = (old.macs if old else 0, new.macs if new else 0)
    mark = "" if old and new else " (only before)" if old else " (only after)"
    return (
        shorten_text(stage.name, 40) + mark,
        format_number(params[1]),
        format_delta(*params),
        format_number(macs[1]),
        format_delta(*macs),
    )


def format_change(part: PartChange) -> str:
    """A changed part on one line: `~ layer1.0.conv2, … ×16 conv: groups 1 → 32`."""
    return f"{_MARKS[part.change]} {_describe_change(part)}"


def _describe_change(part: PartChange) -> str:
    names = ", ".join(part.names[:_NAMES]) + (f", … ×{len(part.names)}" if len(part.names) > _NAMES else "")
    fields = format_fields(part)
    change = " ".join(filter(None, (shorten_text(names, 120), part.kind)))
    return f"{change}: {fields}" if fields else change


def format_fields(part: PartChange) -> str:
    """The changed fields of a part: `out 64 → 128, groups 1 → 32`."""
    return ", ".join(
        f"{name} {shorten_text(before, 30)} → {shorten_text(after, 30)}" for name, before, after in part.fields
    )


def _format_cells(before: int, after: int) -> list[str]:
    return [format_number(before), format_number(after), format_delta(before, after)]


def format_delta(before: int, after: int) -> str:
    """The difference of two counts with its share of the first; `=` if there is none.

    >>> format_delta(200, 210), format_delta(5, 5)
    ('+10 (+5.0%)', '=')
    """
    if before == after:
        return "="
    sign = "+" if after > before else ""
    share = f" ({(after - before) / before:+.1%})" if before and abs(after) < 100 * abs(before) else ""
    return sign + format_number(after - before) + share
