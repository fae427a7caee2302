"""The commands that look at one network or two from all sides: the report and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archspec.cli.drawing import default_name, deliver
from archspec.cli.errors import SpecCommand, Unable, echo_json
from archspec.cli.options import SPEC, json_option, limits_options, set_option, source
from archspec.cli.watch import watched

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.language.limits import Limits

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


def loaded(specs: Sequence[str], limits: Limits, overrides: dict[str, str]) -> list[Architecture]:
    """The architectures of some specs; at most one of them is standard input."""
    from archspec.loading import load

    if list(specs).count("-") > 1:
        raise click.BadParameter("standard input can be one spec, not two", param_hint="SPEC")
    found = []
    for spec in specs:
        with watched(limits) as budget:
            found.append(load(source(spec, limits), limits=budget, **overrides))
    return found


@click.command(cls=SpecCommand, epilog=_DIFF, help=f"Show what differs between two networks.\n\n{SPEC}")
@click.argument("before", metavar="SPEC")
@click.argument("after", metavar="SPEC")
@limits_options
@json_option
def diff(*, before: str, after: str, limits: Limits, as_json: bool) -> None:
    from archspec.report.comparison import compared

    old, new = loaded((before, after), limits, {})
    found = old.diff(new)
    if as_json:
        echo_json(found.as_dict())
        return
    for line in compared(found):
        click.echo(line)


@click.command(
    cls=SpecCommand, epilog=_REPORT, help=f"Write a page about SPEC, or about two of them side by side.\n\n{SPEC}"
)
@click.argument("specs", metavar="SPEC [SPEC]", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE", help="Where to; - for standard output.  [default: NAME.html]")
@set_option
@limits_options
def report(*, specs: tuple[str, ...], output: str | None, overrides: dict[str, str], limits: Limits) -> None:
    if len(specs) > 2:
        raise click.BadParameter("a report is about one network or two", param_hint="SPEC")
    networks = loaded(specs, limits, overrides)
    file = output or default_name("-".join(arch.name for arch in networks), ".html")
    if not file.endswith(".html") and file != "-":
        raise click.BadParameter(f"{file!r} does not end in .html", param_hint="-o")
    try:
        text = networks[0].report(*networks[1:])
    except ValueError as error:
        raise Unable(str(error)) from error
    deliver(file, text.encode())
