"""The command `summary`: prints the parts of a network and their costs, or writes them as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import archspec
from archspec.cli.console import find_screen, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.numbers import Limit
from archspec.cli.options import SPEC, architecture_options, json_option
from archspec.cli.output import table_options, write_table

if TYPE_CHECKING:
    from archspec import Architecture, Optimizer, Precision

_SUMMARY = """\
\b
Examples:
  archspec summary resnet50 --depth 3
  archspec summary my.yaml --set classes=10 --json
  archspec summary resnet50 --depth 1 -o table.tex
  archspec summary resnet50 --format csv | head
  archspec summary resnet50 --convention fvcore
  archspec summary vit_b_16 --depth 1 --training adamw --precision bf16
"""


@click.command(
    "summary", cls=SpecCommand, epilog=_SUMMARY, help=f"Show the parts of a network and what each costs.\n\n{SPEC}"
)
@architecture_options
@click.option("--depth", type=Limit(1), default=2, show_default=True, metavar="N", help="Levels of parts.")
@click.option(
    "--convention",
    type=click.Choice(archspec.CONVENTION_NAMES),
    default="macs",
    metavar="RULE",
    help=f"The rule by which work is counted: {', '.join(archspec.CONVENTION_NAMES)}.  [default: macs]",
)
@click.option(
    "--training",
    type=click.Choice(archspec.OPTIMIZERS),
    metavar="OPTIMIZER",
    help=f"Show what a training step costs with it: {', '.join(archspec.OPTIMIZERS)}.",
)
@click.option(
    "--precision",
    type=click.Choice(archspec.PRECISIONS),
    metavar="PRECISION",
    help=f"That of --training: {', '.join(archspec.PRECISIONS)}.  [default: 32]",
)
@table_options("table")
@json_option
def command(
    arch: Architecture,
    *,
    depth: int,
    convention: str,
    training: Optimizer | None,
    precision: Precision | None,
    output: Path | None,
    format: str | None,
    as_json: bool,
) -> None:
    if precision and not training:
        raise click.UsageError("--precision is that of --training, which is not given")
    options: dict[str, Any] = {
        "depth": depth,
        "convention": convention,
        "training": training,
        "precision": precision or "32",
    }
    table = arch.summary(**options)

    def save(path: Path, ending: str) -> None:
        arch.save(path, kind="table", ending=ending, **options)

    if write_table(save, table.as_dict(), output, format, as_json=as_json):
        return
    print_lines(*archspec.render_summary(table, find_screen().width, find_screen().text).splitlines(), laid_out=True)
