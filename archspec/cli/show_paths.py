"""How what is known of paths looks on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.cli.console import say, screen
from archspec.cli.show import power_of_two, show_facts, show_table, whole
from archspec.columns import Column

if TYPE_CHECKING:
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.paths import Paths
    from archspec.analysis.unravel import Route
    from archspec.cli.lesion import Wounds

_BAR = 40  # columns of the longest bar
_LENGTHS = (
    Column("length", right=True),
    Column("paths", right=True),
    Column("share", right=True),
    Column(),
)
_FACTORS = 24  # in one line
_TERMS = 64  # of a sum
_UNITS = 8  # whose gradients are written out


def paths(name: str, found: Paths, *, lengths: bool, ends: tuple[str | None, str | None] = (None, None)) -> None:
    """How many paths a network has, how long they are and where they fork; with `lengths`, how many there are of each length."""
    between = "".join(f" {word} {end}" for word, end in zip(("from", "to"), ends, strict=True) if end)
    say(((name + (f",{between}" if between else ""), "bold"),))
    rows: list[tuple[str, ...]] = [("paths", whole(found.total), power_of_two(found.total))]
    for output, part in found.by_output.items():
        rows.append((f"  to {output}", whole(part.total), power_of_two(part.total)))
    if found.mean is not None:
        what = "joins entered by a longer way than necessary" if found.unit == "modules" else "weighted layers passed"
        rows.append(("length", f"{found.shortest} to {found.longest}, mean {float(found.mean):.2f}", what))
        most = found.range_of_most() if lengths or found.cheap else None
        if most:
            share = f"{float(found.share(*most)):.4%}"
            rows.append(("", f"{most[0]} to {most[1]}: {share} of all paths", "the narrowest range with at least 95 %"))
    product = " × ".join(_factors(found))
    if product:
        rows.append(("product", product, "over the stages"))
    show_facts(*rows)
    for factor in found.factors:
        if factor.why and factor.total > 1:
            say(f"{factor.name} is no chain: {factor.why}")
    if lengths:
        _show_lengths(found.lengths)


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
    columns = Column("length", right=True), Column("weighted layers" if alike else "through", folds=True)
    names = [route.layers if alike else route.through for route in found]
    rows = [
        (str(route.length), ", ".join(passed) or "no longer way anywhere")
        for route, passed in zip(found, names, strict=True)
    ]
    show_table(columns, rows, cuts=((1, 20),))


def expansion(found: Expansion) -> None:
    """The sum that a chain of residual units is, its gradients, and what the letters stand for."""
    say("", found.formula(_TERMS), f"{whole(2 ** len(found.units))} terms, if every part is linear", "")
    say(*(found.gradient_formula(unit, _TERMS) for unit in range(min(len(found.units), _UNITS))), "")
    say(*(f"{symbol}  {unit_name}: {', '.join(ops)}" for symbol, unit_name, ops in found.legend()))


def wounds(found: Wounds, out: Path) -> None:
    """What was done to a network, and how many paths are left."""
    say(((found.before.name, "bold"),))
    changes = (("dropped", found.drop), ("swapped", [" and ".join(pair) for pair in found.swap]))
    before, after = found.before.paths().total, found.after.paths().total
    show_facts(
        *((what, ", ".join(names)) for what, names in changes if names),
        ("paths", f"{whole(after)} of {whole(before)}", _powers(after, before)),
        ("parameters", f"{found.after.params:,} of {found.before.params:,}"),
        ("written", str(out)),
    )
    for name in found.straight:
        say(f"{name} has no shortcut: what enters it goes on in its place")


def _powers(after: int, before: int) -> str:
    powers = power_of_two(after), power_of_two(before)
    return " of ".join(powers) if all(powers) else ""


def _show_lengths(lengths: Mapping[int, int]) -> None:
    most, total = max(lengths.values(), default=1), sum(lengths.values())
    others = sum(max(len(head), 7) + 2 for head in ("length", whole(most), "share"))
    bar = min(_BAR, max(0, (screen().width or 200) - others))
    rows = []
    for length, count in lengths.items():
        share = count / total
        percent = f"{share:.2%}" if share >= 0.0001 else "< 0.01%"
        rows.append((str(length), whole(count), percent, "█" * round(bar * count / most)))
    show_table(_LENGTHS, rows, cuts=((1, 24),))
