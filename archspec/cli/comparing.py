"""The commands that look at one network or two from all sides: the report and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec import files
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import CommandError, SpecCommand
from archspec.cli.options import SPEC, json_option, limits_options, load_given, set_option
from archspec.cli.output import check_writable, default_name, output_option, say_written

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.spec.limits import Limits

_DIFF = """\
\b
Examples:
  archspec diff resnet50 resnext50_32x4d
  archspec diff resnet50 my.yaml --json
"""
_REPORT = """\
\b
Examples:
  archspec report densenet121
  archspec report resnet50 resnext50_32x4d -o both.html
"""


def load_specs(specs: Sequence[str], limits: Limits, overrides: dict[str, str]) -> list[Architecture]:
    """The architectures of some specs; at most one of them is standard input."""
    if list(specs).count("-") > 1:
        raise click.BadParameter("standard input can be one spec, not two", param_hint="SPEC")
    return [load_given(spec, overrides, limits) for spec in specs]


@click.command(cls=SpecCommand, epilog=_DIFF, help=f"Show what differs between two networks.\n\n{SPEC}")
@click.argument("before", metavar="SPEC")
@click.argument("after", metavar="SPEC")
@limits_options
@json_option
def diff(*, before: str, after: str, limits: Limits, as_json: bool) -> None:
    from archspec.report.comparison import format_comparison

    old, new = load_specs((before, after), limits, {})
    difference = old.diff(new)
    if as_json:
        echo_json(difference.as_dict())
        return
    print_lines(*format_comparison(difference, find_screen().width, find_screen().text), laid_out=True)


@click.command(
    cls=SpecCommand, epilog=_REPORT, help=f"Write a page about SPEC, or about two of them side by side.\n\n{SPEC}"
)
@click.argument("specs", metavar="SPEC [SPEC]", nargs=-1, required=True)
@output_option(".html", stream=True, help="Where to; - for standard output.  [default: NAME.html]")
@set_option
@limits_options
def report(*, specs: tuple[str, ...], output: Path | None, overrides: dict[str, str], limits: Limits) -> None:
    if len(specs) > 2:
        raise click.BadParameter("a report is about one network or two", param_hint="SPEC")
    networks = load_specs(specs, limits, overrides)
    file = output or default_name("-".join(arch.name for arch in networks), ".html")
    check_writable(file)
    try:
        text = networks[0].report(*networks[1:])
    except ValueError as error:
        raise CommandError(str(error)) from error
    files.write_atomically(file, text)
    say_written(file)
