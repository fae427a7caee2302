"""The command `count-paths`: counts and lists the paths of a network."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

import archspec
from archspec.cli import show_paths as show
from archspec.cli.console import echo_json
from archspec.cli.errors import SpecCommand
from archspec.cli.numbers import Limit
from archspec.cli.options import SPEC, architecture_options, json_option

if TYPE_CHECKING:
    from archspec import Architecture, LengthUnit

_PATHS = """\
\b
Examples:
  archspec count-paths cifar_resnet110_A
  archspec count-paths densenet121 --unit layers --lengths
  archspec count-paths resnet50 --from layer2 --to layer3.1 --list 5
"""


@click.command("count-paths", cls=SpecCommand, epilog=_PATHS, help=f"Count the paths of a network, exactly.\n\n{SPEC}")
@architecture_options
@click.option(
    "--unit",
    type=click.Choice(["modules", "layers"]),
    default="modules",
    show_default=True,
    help="What a length counts.",
)
@click.option("--gates", is_flag=True, help="Count the paths through gates too.")
@click.option("--from", "origin", metavar="NAME", help="Where paths start: an input, a layer, a block, a stage.")
@click.option("--to", "end", metavar="NAME", help="Where paths end: an output, a layer, a block, a stage.")
@click.option("--lengths", is_flag=True, help="List how many paths there are of each length.")
@click.option("--list", "listed", type=Limit(1), metavar="N", help="List the first N paths, shortest first.")
@click.option("--expand", is_flag=True, help="Write a chain of residual units as the sum of its paths.")
@json_option
def command(
    arch: Architecture,
    *,
    unit: LengthUnit,
    gates: bool,
    origin: str | None,
    end: str | None,
    lengths: bool,
    listed: int | None,
    expand: bool,
    as_json: bool,
) -> None:
    try:
        paths = arch.paths(unit, gates=gates, source=origin, target=end)
    except LookupError as unknown:
        raise click.UsageError(str(unknown)) from None
    routes = list(islice(archspec.iter_paths(paths), listed)) if listed else []
    expansion = arch.expansion() if expand else None
    if as_json:
        data = {
            "name": arch.name,
            "from": origin,
            "to": end,
            **paths.as_dict(lengths=lengths or paths.lengths_are_cheap),
        }
        data |= {"paths": [route.as_dict() for route in routes]} if listed else {}
        echo_json(data | ({"expansion": expansion.as_dict()} if expansion else {}))
        return
    show.show_paths(arch.name, paths, lengths=lengths, ends=(origin, end))
    if listed:
        show.show_single_paths(routes)
    if expansion:
        show.show_expansion(expansion)
