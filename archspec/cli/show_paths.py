"""Prints path counts, single paths and expansions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from archspec.cli.console import find_screen, print_lines
from archspec.cli.show import show_facts, show_table
from archspec.columns import Column
from archspec.numerals import format_number, format_power_of_two

if TYPE_CHECKING:
    from archspec import Expansion, PathCounts, SignalPath

_BAR = 40  # columns of the longest bar
_LENGTHS = (
    Column("length", right=True),
    Column("paths", right=True),
    Column("share", right=True),
    Column(),
)
_FACTORS = 24  # the most factors on the line
_TERMS = 64  # the most terms of a sum
_UNITS = 8  # the most units whose gradients are written out


def show_paths(
    name: str, counts: PathCounts, *, lengths: bool, ends: tuple[str | None, str | None] = (None, None)
) -> None:
    """Prints how many paths a network has, their lengths and factors; with `lengths`, the number of each length."""
    between = "".join(f" {word} {end}" for word, end in zip(("from", "to"), ends, strict=True) if end)
    print_lines(((name + (f",{between}" if between else ""), "bold"),))
    rows: list[tuple[str, ...]] = [("paths", format_number(counts.total), format_power_of_two(counts.total))]
    for output, part in counts.by_output.items():
        rows.append((f"  to {output}", format_number(part.total), format_power_of_two(part.total)))
    if counts.mean is not None:
        description = (
            "joins entered by a longer way than necessary" if counts.unit == "modules" else "weighted layers passed"
        )
        rows.append(("length", f"{counts.shortest} to {counts.longest}, mean {float(counts.mean):.2f}", description))
        most = counts.narrowest_range() if lengths or counts.lengths_are_cheap else None
        if most:
            share = f"{float(counts.share_within(*most)):.4%}"
            rows.append(("", f"{most[0]} to {most[1]}: {share} of all paths", "the narrowest range with at least 95 %"))
    product = " × ".join(_format_factors(counts))
    if product:
        rows.append(("product", product, "over the stages"))
    show_facts(*rows)
    for factor in counts.factors:
        if factor.reason and factor.total > 1:
            print_lines(f"{factor.name} is no chain: {factor.reason}")
    if lengths:
        _show_lengths(counts.lengths)


def _format_factors(counts: PathCounts) -> Iterator[str]:
    """The factors of the number of paths, each with the part where the paths fork."""
    forked = [factor for factor in counts.factors if factor.total > 1]
    for factor in forked[:_FACTORS]:
        yield f"{format_power_of_two(factor.total) or format_number(factor.total)} ({factor.name})"
    if len(forked) > _FACTORS:
        yield f"… {len(forked) - _FACTORS} more"


def show_single_paths(paths: Sequence[SignalPath]) -> None:
    """Prints single paths, a line for each: the modules or layers that its length counts, or all weighted layers if those are ambiguous."""
    alike = len({route.counted_names for route in paths}) < len(paths)
    columns = Column("length", right=True), Column("weighted layers" if alike else "through", folds=True)
    names = [route.layers if alike else route.counted_names for route in paths]
    rows = [
        (str(route.length), ", ".join(passed) or "no longer way anywhere")
        for route, passed in zip(paths, names, strict=True)
    ]
    show_table(columns, rows, cuts=((1, 20),))


def show_expansion(expanded: Expansion) -> None:
    """Prints the sum that a chain of residual units expands to, its gradients, and the meaning of the letters."""
    print_lines(
        "", expanded.formula(_TERMS), f"{format_number(2 ** len(expanded.units))} terms, if every part is linear", ""
    )
    print_lines(*(expanded.gradient_formula(unit, _TERMS) for unit in range(min(len(expanded.units), _UNITS))), "")
    print_lines(*(f"{symbol}  {unit_name}: {', '.join(ops)}" for symbol, unit_name, ops in expanded.legend()))


def _show_lengths(lengths: Mapping[int, int]) -> None:
    most, total = max(lengths.values(), default=1), sum(lengths.values())
    others = sum(max(len(head), 7) + 2 for head in ("length", format_number(most), "share"))
    bar = min(_BAR, max(0, (find_screen().width or 200) - others))
    rows = []
    for length, count in lengths.items():
        share = count / total
        percent = f"{share:.2%}" if share >= 0.0001 else "< 0.01%"
        rows.append((str(length), format_number(count), percent, "█" * round(bar * count / most)))
    show_table(_LENGTHS, rows, cuts=((1, 24),))
