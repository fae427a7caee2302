"""The command `pipeline`: shows where a network is cut into pipeline stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import archspec
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import SpecCommand
from archspec.cli.numbers import Limit, WholeNumber
from archspec.cli.options import SPEC, architecture_options, json_option
from archspec.cli.show import show_table
from archspec.columns import Column
from archspec.numerals import format_bytes, format_sizes

if TYPE_CHECKING:
    from archspec import Architecture, PartitionStage, Pipeline

_PIPELINE = """\
\b
Examples:
  archspec pipeline resnet50 --stages 4
  archspec pipeline unet --stages 2 --crossing 1
  archspec pipeline densenet121 --stages 4 --measure cpu --json
"""
_COLUMNS = (
    Column("stage", right=True),
    Column("parts"),
    Column("work", right=True),
    Column("parameters", right=True),
    Column("sends, a sample", folds=True),
)
_CUTS = ((4, 24), (1, 16), (4, 12), (1, 10))
_DROPS = (3,)


@click.command(
    "pipeline", cls=SpecCommand, epilog=_PIPELINE, help=f"Show where SPEC is cut into stages of equal work.\n\n{SPEC}"
)
@architecture_options
@click.option("--stages", type=WholeNumber(1), default=2, show_default=True, metavar="N", help="How many.")
@click.option("--crossing", type=Limit(0), metavar="N", help="Cut only where at most N values cross.")
@click.option(
    "--measure",
    type=click.Choice(["auto", "cpu", "cuda"]),
    metavar="DEVICE",
    help="Time it on auto, cpu or cuda instead.",
)
@click.option(
    "--batch", type=WholeNumber(1), default=8, show_default=True, metavar="N", help="Samples in what is timed."
)
@json_option
def command(
    arch: Architecture, *, stages: int, crossing: int | None, measure: str | None, batch: int, as_json: bool
) -> None:
    cut_network = _cut_network(arch, stages, crossing, measure, batch)
    if as_json:
        echo_json(cut_network.as_dict())
        return
    count = f"{len(cut_network.stages)} stages" if len(cut_network.stages) > 1 else "1 stage"
    print_lines(((f"{cut_network.graph.name} in {count}", "bold"),))
    show_table(_COLUMNS, [_format_stage(stage) for stage in cut_network.stages], cuts=_CUTS, drops=_DROPS)
    print_lines(
        "",
        f"balance {cut_network.balance:.2f}: an average stage as a part of the largest; work is in {_name_unit(cut_network)}",
    )


def _cut_network(arch: Architecture, stages: int, crossing: int | None, measure: str | None, batch: int) -> Pipeline:
    try:
        return arch.pipeline(stages, crossing=crossing, measure=measure, batch=batch)
    except archspec.CutError as error:
        raise click.UsageError(str(error)) from None


def _format_stage(stage: PartitionStage) -> tuple[str, ...]:
    first, last = (stage.parts[0], stage.parts[-1]) if stage.parts else ("", "")
    parts = first if first == last else f"{first} … {last}"
    sizes = " + ".join(format_sizes(crossing.sizes) for crossing in stage.sends)
    sent = sum(crossing.bytes for crossing in stage.sends)
    return str(stage.index), parts, f"{stage.share:.1%}", f"{stage.params:,}", f"{sizes}  ({format_bytes(sent)})"


def _name_unit(cut_network: Pipeline) -> str:
    return "measured seconds" if cut_network.unit == "seconds" else "MACs, or the bytes moved where they take longer"
