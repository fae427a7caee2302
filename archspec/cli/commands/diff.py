"""The command `diff`: compares two networks."""

from __future__ import annotations

import click

import archspec
from archspec import Limits, Source
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, input_option, json_option, limits_options, load_specs

_DIFF = """\
\b
Examples:
  archspec diff resnet50 resnext50_32x4d
  archspec diff resnet50 my.yaml --json
"""


@click.command("diff", cls=SpecCommand, epilog=_DIFF, help=f"Show what differs between two networks.\n\n{SPEC}")
@click.argument("before", metavar="SPEC")
@click.argument("after", metavar="SPEC")
@input_option
@limits_options
@json_option
def command(*, before: str, after: str, inputs: dict[str, Source], limits: Limits, as_json: bool) -> None:
    old, new = load_specs((before, after), limits, {}, inputs)
    difference = old.diff(new)
    if as_json:
        echo_json(difference.as_dict())
        return
    print_lines(*archspec.format_comparison(difference, find_screen().width, find_screen().text), laid_out=True)
