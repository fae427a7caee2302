"""The command `summary`: prints the parts of a network and their costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import archspec
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, architecture_options, json_option

if TYPE_CHECKING:
    from archspec import Architecture

_SUMMARY = """\
\b
Examples:
  archspec summary resnet50 --depth 3
  archspec summary my.yaml --set classes=10 --json
"""


@click.command(
    "summary", cls=SpecCommand, epilog=_SUMMARY, help=f"Show the parts of a network and what each costs.\n\n{SPEC}"
)
@architecture_options
@click.option("--depth", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="Levels of parts.")
@json_option
def command(arch: Architecture, *, depth: int, as_json: bool) -> None:
    table = arch.summary(depth=depth)
    if as_json:
        echo_json(table.as_dict())
        return
    print_lines(*archspec.render_summary(table, find_screen().width, find_screen().text).splitlines(), laid_out=True)
