"""The commands about paths: counting them, and taking blocks out of a network."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.console import echo_json
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, architecture_options, given_limits, json_option
from archspec.cli.output import OutputFile, check_alone

if TYPE_CHECKING:
    from archspec.analysis.path_sums import LengthUnit
    from archspec.architecture import Architecture

_PATHS = """\
\b
Examples:
  archspec count-paths cifar_resnet110_A
  archspec count-paths densenet121 --unit layers --lengths
  archspec count-paths resnet50 --from layer2 --to layer3.1 --list 5
"""
_LESION = """\
\b
Examples:
  archspec lesion resnet50 --drop layer2.3 -o without.yaml
  archspec lesion cifar_resnet110_A --random 10 --seed 1 -o damaged.yaml
  archspec lesion resnet50 --swap layer3.1 layer3.4 -o shuffled.yaml
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
@click.option("--list", "listed", type=click.IntRange(1), metavar="N", help="List the first N paths, shortest first.")
@click.option("--expand", is_flag=True, help="Write a chain of residual units as the sum of its paths.")
@json_option
def count_paths(
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
    from archspec.analysis.path_enumeration import iter_paths
    from archspec.cli import show_paths as show

    try:
        paths = arch.paths(unit, gates=gates, source=origin, target=end)
    except LookupError as unknown:
        raise click.UsageError(str(unknown)) from None
    routes = list(islice(iter_paths(paths), listed)) if listed else []
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


@click.command(cls=SpecCommand, epilog=_LESION, help=f"Write SPEC without some of its blocks, as a new spec.\n\n{SPEC}")
@architecture_options
@click.option("--drop", multiple=True, metavar="NAME", help="A block whose residual branches go; repeatable.")
@click.option("--random", "count", type=click.IntRange(1), metavar="K", help="Drop K residual blocks, drawn at random.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the draw.")
@click.option("--swap", nargs=2, multiple=True, metavar="A B", help="Two blocks that change places; repeatable.")
@click.option(
    "-o",
    "--output",
    "out",
    type=OutputFile(stream=True),
    metavar="FILE",
    required=True,
    help="The new spec, .yaml; - for standard output.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there already; never over SPEC.")
@json_option
def lesion(
    arch: Architecture,
    *,
    drop: tuple[str, ...],
    count: int | None,
    seed: int,
    swap: tuple[tuple[str, str], ...],
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    from archspec.cli.lesion import apply_lesion, check_target
    from archspec.cli.show_paths import show_lesion
    from archspec.files import is_standard_output, write_atomically

    if not (drop or count or swap):
        raise click.UsageError("nothing to do: give --drop, --random or --swap")
    check_alone(out, as_json=as_json)
    given = click.get_current_context().params
    check_target(out, given["spec"], force=force)
    result = apply_lesion(arch, drop, swap, count or 0, seed)
    limits = given_limits(nodes=given["max_nodes"], bytes=given["max_bytes"])
    write_atomically(out, result.text(given["spec"], out, given["overrides"], limits))
    if as_json:
        echo_json(result.as_dict() | {"written": str(out)})
        return
    if not is_standard_output(out):
        show_lesion(result, out)
