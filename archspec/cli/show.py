"""Prints results as text: styled and cut to the width of a terminal, or plain for a pipe."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archspec.cli.console import find_screen, print_lines
from archspec.columns import Column, format_table
from archspec.numerals import format_named_sizes, format_number, format_power_of_two

if TYPE_CHECKING:
    from archspec import Architecture, Trial, ZooEntry

PARAMS = "trainable scalars"
MACS = "multiply-accumulates of convolutions, linear layers and matrix products, one sample; FLOPs = 2 × MACs"
DEPTH = "weighted layers on the longest path"
PATHS = "routes from input to output"

_FACTS = (Column(style="cyan"), Column(folds=True), Column(folds=True, style="dim"))
_FACTS_CUTS = ((2, 30), (1, 24), (2, 12), (1, 12))

_LISTED = (
    Column("  name"),
    Column("paper"),
    Column("parameters", right=True),
    Column("MACs", right=True),
    Column("depth", right=True),
    Column("paths"),
)
_LISTED_CUTS = ((1, 16),)
_LISTED_DROPS = (1, 3, 5, 4, 2)


def collect_facts(arch: Architecture) -> dict[str, object]:
    """The name, shapes and counts of a network as plain data."""
    return {
        "name": arch.name,
        "inputs": {name: list(shape) for name, shape in arch.input_shapes.items()},
        "outputs": {name: list(shape) for name, shape in arch.output_shapes.items()},
        "params": arch.params,
        "macs": arch.macs,
        "depth": arch.depth,
    }


def show_build(arch: Architecture, trial: Trial) -> None:
    """Prints a built network, its counts and the result of its trial run."""
    print_lines(((arch.name, "bold"),))
    show_facts(
        ("input", format_named_sizes(arch.input_shapes), "channels first, without the batch"),
        ("output", format_named_sizes(arch.output_shapes)),
        ("parameters", f"{arch.params:,}", PARAMS),
        ("MACs", f"{arch.macs:,}", MACS),
        ("depth", f"{arch.depth:,}", DEPTH),
        ("built", f"{trial.build_seconds:.2f} s", f"on {trial.device}, initialised as the spec says"),
        ("forward", f"{trial.forward_seconds:.2f} s", f"the first, a batch of {trial.batch}"),
    )


def format_listing(entries: Sequence[ZooEntry]) -> None:
    """Prints the bundled networks by family, a line for each."""
    rows = [_entry(entry) for entry in entries]
    target = find_screen()
    heads, *lines = format_table(_LISTED, rows, target.width, cuts=_LISTED_CUTS, drops=_LISTED_DROPS, text=target.text)
    print_lines(heads, laid_out=True)
    rest = iter(lines)
    for family, members in itertools.groupby(entries, lambda entry: entry.family):
        print_lines(((family, "bold"),))
        print_lines(*itertools.islice(rest, len(list(members))), laid_out=True)
    print_lines(*rest, "")
    for name, meaning in (("parameters", PARAMS), ("MACs", MACS), ("depth", DEPTH), ("paths", PATHS)):
        print_lines(((f"{name}: {meaning}", "dim"),))


def _entry(entry: ZooEntry) -> tuple[str, ...]:
    costs = f"{entry.params:,}", f"{entry.macs:,}", f"{entry.depth:,}"
    return (
        f"  {entry.name}",
        entry.paper,
        *costs,
        format_power_of_two(entry.paths) or format_number(entry.paths, most=12),
    )


def show_facts(*rows: tuple[str, ...]) -> None:
    """Prints rows of a name, its value and an optional remark."""
    show_table(_FACTS, rows, cuts=_FACTS_CUTS)


def show_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    cuts: Sequence[tuple[int, int]] = (),
    drops: Sequence[int] = (),
) -> None:
    """Prints a table that fits the screen."""
    target = find_screen()
    print_lines(*format_table(columns, rows, target.width, cuts=cuts, drops=drops, text=target.text), laid_out=True)
