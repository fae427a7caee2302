"""Formats the explanation of a count as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archspec.analysis.count_explanation import CountDifference, CountExplanation, CountRule
from archspec.analysis.printed_number import PrintedNumber
from archspec.columns import Column, Line, format_table, wrap_line
from archspec.numerals import format_number
from archspec.printable import escape_unprintable

_RULES = (Column("rule"), Column("count", right=True), Column("", folds=True))
_STAGES = 12  # the most stages that are listed


def format_count_explanation(
    explanation: CountExplanation, width: int | None = None, text: Callable[[str], str] = escape_unprintable
) -> Iterator[Line]:
    """The lines of an explanation, at most `width` characters wide. `text` escapes what is not printable.

    >>> import archspec
    >>> for line in format_count_explanation(archspec.load("resnet50").explain_count("25557032")):
    ...     print("".join(part for part, _ in line).rstrip())
    resnet50: 25557032 is
    rule         count
    params  25,557,032  trainable scalars
    """
    number = explanation.number
    head = f"{explanation.name}: {number.text}{_format_range(number)}"
    if explanation.rules:
        yield from wrap_line(((text(f"{head} is"), "bold"),), width, indent=4)
        yield from _format_rules(explanation.rules, number, width, text)
    elif explanation.variants:
        yield from wrap_line(((text(f"{head} is by no rule as it stands, but"), "bold"),), width, indent=4)
        yield from _format_rules(explanation.variants, number, width, text)
    else:
        yield from wrap_line(((text(f"{head} is by no rule; the nearest are"), "bold"),), width, indent=4)
        yield from _format_rules(explanation.nearest, number, width, text, distance=True)
    for difference in explanation.differences:
        yield ()
        yield from _format_difference(difference, width, text)


def _format_range(number: PrintedNumber) -> str:
    return f", from {number.low:,} to {number.high:,}," if number.step else ""


def _format_rules(
    rules: tuple[CountRule, ...],
    number: PrintedNumber,
    width: int | None,
    text: Callable[[str], str],
    *,
    distance: bool = False,
) -> Iterator[Line]:
    rows = []
    for rule in rules:
        away = f"{float((rule.count - number.value) / (number.value or 1)):+.2%}; " if distance else ""
        rows.append((rule.name, format_number(rule.count), f"{away}{rule.rule}"))
    yield from format_table(_RULES, rows, width, cuts=((2, 24), (0, 16)), drops=(2,), text=text)


def _format_difference(difference: CountDifference, width: int | None, text: Callable[[str], str]) -> Iterator[Line]:
    (before, after), terms = difference.counts, difference.terms
    heading = f"from {difference.before.unit}, {before:,}, to {difference.after.unit}, {after:,}"
    yield from wrap_line(((text(heading), "bold"),), width, indent=4)
    kinds = [term.kind for term in terms]
    heads = [f"{term.factor:+} × {term.kind}" for term in terms]
    columns = (Column("stage"), *(Column(head, right=True) for head in heads), Column("in all", right=True))
    listed = difference.stages if len(difference.stages) <= _STAGES else difference.stages[: _STAGES - 1]
    rows = [
        (stage.stage, *(_format_change(stage.kinds.get(kind, 0)) for kind in kinds), _format_change(stage.total))
        for stage in listed
    ]
    others = difference.stages[len(listed) :]
    if others:
        sums = [sum(stage.kinds.get(kind, 0) for stage in others) for kind in kinds]
        rows.append((f"{len(others)} others", *map(_format_change, sums), _format_change(sum(sums))))
    rows.append(("network", *(_format_change(term.value) for term in terms), _format_change(after - before)))
    drops = tuple(range(len(kinds), 0, -1))
    yield from format_table(columns, rows, width, cuts=((0, 12),), drops=drops, text=text)


def _format_change(change: int) -> str:
    return f"{'+' if change > 0 else ''}{format_number(change)}" if change else "–"
