"""How what is known of paths looks on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from archspec.cli.show import grid, power_of_two, render, whole

if TYPE_CHECKING:
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.paths import Paths
    from archspec.analysis.unravel import Route
    from archspec.cli.lesion import Wounds

_BAR = 40  # columns of the longest bar
_FACTORS = 24  # in one line
_TERMS = 64  # of a sum
_UNITS = 8  # whose gradients are written out


def paths(name: str, found: Paths, *, lengths: bool, ends: tuple[str | None, str | None] = (None, None)) -> None:
    """How many paths a network has, how long they are and where they fork; with `lengths`, how many there are of each length."""
    between = "".join(f" {word} {end}" for word, end in zip(("from", "to"), ends, strict=True) if end)
    click.secho(name + (f",{between}" if between else ""), bold=True)
    table = grid()
    table.add_row("paths", whole(found.total), power_of_two(found.total))
    for output, part in found.by_output.items():
        table.add_row(f"  to {output}", whole(part.total), power_of_two(part.total))
    if found.mean is not None:
        what = "joins entered by a longer way than necessary" if found.unit == "modules" else "weighted layers passed"
        table.add_row("length", f"{found.shortest} to {found.longest}, mean {float(found.mean):.2f}", what)
        most = found.range_of_most() if lengths or found.cheap else None
        if most:
            share = f"{float(found.share(*most)):.4%}"
            table.add_row("", f"{most[0]} to {most[1]}: {share} of all paths", "the narrowest range with at least 95 %")
    product = " × ".join(_factors(found))
    if product:
        table.add_row("product", product, "over the stages")
    render(table)
    for factor in found.factors:
        if factor.why and factor.total > 1:
            click.echo(f"{factor.name} is no chain: {factor.why}")
    if lengths:
        render(_length_table(found.lengths))


def _factors(found: Paths) -> Iterator[str]:
    """The stages where paths fork, each with its number of ways."""
    forked = [factor for factor in found.factors if factor.total > 1]
    for factor in forked[:_FACTORS]:
        yield f"{power_of_two(factor.total) or whole(factor.total)} ({factor.name})"
    if len(forked) > _FACTORS:
        yield f"… {len(forked) - _FACTORS} more"


def routes(found: Sequence[Route]) -> None:
    """Single paths, a line each: what their length counts, or all weighted layers where that does not tell them apart."""
    alike = len({route.through for route in found}) < len(found)
    table = _table("length", "weighted layers" if alike else "through")
    for route in found:
        names = route.layers if alike else route.through
        table.add_row(str(route.length), ", ".join(names) or "no longer way anywhere")
    render(table)


def expansion(found: Expansion) -> None:
    """The sum that a chain of residual units is, its gradients, and what the letters stand for."""
    click.echo(f"\n{found.formula(_TERMS)}")
    click.echo(f"{whole(2 ** len(found.units))} terms, if every part is linear\n")
    for unit in range(min(len(found.units), _UNITS)):
        click.echo(found.gradient_formula(unit, _TERMS))
    click.echo()
    for symbol, unit_name, ops in found.legend():
        click.echo(f"{symbol}  {unit_name}: {', '.join(ops)}")


def wounds(found: Wounds, out: Path) -> None:
    """What was done to a network, and how many paths are left."""
    table = grid(found.before.name)
    for what, names in (("dropped", found.drop), ("swapped", [" and ".join(pair) for pair in found.swap])):
        if names:
            table.add_row(what, ", ".join(names))
    before, after = found.before.paths().total, found.after.paths().total
    table.add_row("paths", f"{whole(after)} of {whole(before)}", _powers(after, before))
    table.add_row("parameters", f"{found.after.params:,} of {found.before.params:,}")
    table.add_row("written", str(out))
    render(table)
    for name in found.straight:
        click.echo(f"{name} has no shortcut: what enters it goes on in its place")


def _powers(after: int, before: int) -> str:
    powers = power_of_two(after), power_of_two(before)
    return " of ".join(powers) if all(powers) else ""


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns[:-1]:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    return table


def _length_table(lengths: Mapping[int, int]) -> Table:
    table = _table("length", "paths", "share", "")
    most, total = max(lengths.values(), default=1), sum(lengths.values())
    for length, count in lengths.items():
        share = count / total
        percent = f"{share:.2%}" if share >= 0.0001 else "< 0.01%"
        table.add_row(str(length), whole(count), percent, "█" * round(_BAR * count / most))
    return table
