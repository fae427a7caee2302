"""The command `report`: writes an HTML page about one network or several."""

from __future__ import annotations

from pathlib import Path

import click

import archspec
from archspec import Limits, Source, files, list_endings
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, input_option, limits_options, load_specs, set_option
from archspec.cli.output import output_option, say_written

_REPORT = """\
\b
Examples:
  archspec report densenet121
  archspec report resnet50 resnext50_32x4d -o both.html
  archspec report resnet18 resnet34 resnet50 -o three.html
"""


@click.command(
    "report",
    cls=SpecCommand,
    epilog=_REPORT,
    help=f"Write a page about SPEC, or about several, which are compared with the first.\n\n{SPEC}",
)
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@output_option(*list_endings("report"), stream=True, help="Where to; - for standard output.  [default: NAME.html]")
@set_option
@input_option
@limits_options
def command(
    *, specs: tuple[str, ...], output: Path | None, overrides: dict[str, str], inputs: dict[str, Source], limits: Limits
) -> None:
    if len(specs) > archspec.MOST_NETWORKS:
        raise click.BadParameter(
            f"a report is about one to {archspec.MOST_NETWORKS} networks, not {len(specs)}", param_hint="SPEC"
        )
    networks = load_specs(specs, limits, overrides, inputs)
    file = output or files.name_file("-".join(arch.name for arch in networks), ".html")
    networks[0].save(file, kind="report", ending=".html", beside=networks[1:])
    say_written(file)
