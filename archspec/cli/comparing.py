"""The commands that look at one network or two from all sides: the report and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

import archspec
from archspec import files, list_endings
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, json_option, limits_options, load_given, set_option
from archspec.cli.output import output_option, say_written

if TYPE_CHECKING:
    from archspec import Architecture, Limits

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
    old, new = load_specs((before, after), limits, {})
    difference = old.diff(new)
    if as_json:
        echo_json(difference.as_dict())
        return
    print_lines(*archspec.format_comparison(difference, find_screen().width, find_screen().text), laid_out=True)


@click.command(
    cls=SpecCommand, epilog=_REPORT, help=f"Write a page about SPEC, or about two of them side by side.\n\n{SPEC}"
)
@click.argument("specs", metavar="SPEC [SPEC]", nargs=-1, required=True)
@output_option(*list_endings("report"), stream=True, help="Where to; - for standard output.  [default: NAME.html]")
@set_option
@limits_options
def report(*, specs: tuple[str, ...], output: Path | None, overrides: dict[str, str], limits: Limits) -> None:
    if len(specs) > 2:
        raise click.BadParameter("a report is about one network or two", param_hint="SPEC")
    networks = load_specs(specs, limits, overrides)
    file = output or files.name_file("-".join(arch.name for arch in networks), ".html")
    networks[0].save(file, kind="report", ending=".html", beside=networks[1:])
    say_written(file)
