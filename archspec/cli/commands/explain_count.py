"""The command `explain-count`: says by which rule a printed count of a network is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import archspec
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, architecture_options, json_option

if TYPE_CHECKING:
    from archspec import Architecture

_EXPLAIN = """\
\b
Examples:
  archspec explain-count resnet50 4.11G
  archspec explain-count vit_b_16 "33.03 GFLOPs"
  archspec explain-count my.yaml 25.6M --json
"""


@click.command(
    "explain-count",
    cls=SpecCommand,
    epilog=_EXPLAIN,
    help=f"Show which rule of counting gives NUMBER, and where it differs from others.\n\n{SPEC}",
)
@architecture_options
@click.argument("number", metavar="NUMBER")
@json_option
def command(arch: Architecture, *, number: str, as_json: bool) -> None:
    try:
        explanation = arch.explain_count(number)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NUMBER") from None
    if as_json:
        echo_json(explanation.as_dict())
        return
    print_lines(*archspec.format_count_explanation(explanation, find_screen().width, find_screen().text), laid_out=True)
