"""The command `diff`: compares two networks."""

from __future__ import annotations

from pathlib import Path

import click

import archspec
from archspec import Limits, Source
from archspec.cli.console import find_screen, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, input_option, json_option, limits_options, load_specs
from archspec.cli.output import table_options, write_table

_DIFF = """\
\b
Examples:
  archspec diff resnet50 resnext50_32x4d
  archspec diff resnet50 my.yaml --json
  archspec diff old.yaml new.yaml --format markdown
"""


@click.command("diff", cls=SpecCommand, epilog=_DIFF, help=f"Show what differs between two networks.\n\n{SPEC}")
@click.argument("before", metavar="SPEC")
@click.argument("after", metavar="SPEC")
@input_option
@limits_options
@table_options("comparison")
@json_option
def command(
    *,
    before: str,
    after: str,
    inputs: dict[str, Source],
    limits: Limits,
    output: Path | None,
    format: str | None,
    as_json: bool,
) -> None:
    old, new = load_specs((before, after), limits, {}, inputs)
    difference = old.diff(new)

    def save(path: Path, ending: str) -> None:
        old.save(path, kind="comparison", ending=ending, other=new)

    if write_table(save, difference.as_dict(), output, format, as_json=as_json):
        return
    print_lines(*archspec.format_comparison(difference, find_screen().width, find_screen().text), laid_out=True)
