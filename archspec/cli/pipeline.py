"""The command that says where a network is cut into the stages of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archspec.cli.console import echo_json, say
from archspec.cli.errors import SpecCommand, Unable
from archspec.cli.options import SPEC, architecture_options, json_option
from archspec.cli.show import show_table
from archspec.columns import Column

if TYPE_CHECKING:
    from archspec.analysis.cuts import Stage
    from archspec.architecture import Architecture
    from archspec.pipeline import Pipeline

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


@click.command(cls=SpecCommand, epilog=_PIPELINE, help=f"Show where SPEC is cut into stages of equal work.\n\n{SPEC}")
@architecture_options
@click.option("--stages", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="How many.")
@click.option("--crossing", type=click.IntRange(0), metavar="N", help="Cut only where at most N values cross.")
@click.option(
    "--measure",
    type=click.Choice(["auto", "cpu", "cuda"]),
    metavar="DEVICE",
    help="Time it on auto, cpu or cuda instead.",
)
@click.option(
    "--batch", type=click.IntRange(1), default=8, show_default=True, metavar="N", help="Samples in what is timed."
)
@json_option
def pipeline(
    arch: Architecture, *, stages: int, crossing: int | None, measure: str | None, batch: int, as_json: bool
) -> None:
    found = _cut(arch, stages, crossing, measure, batch)
    if as_json:
        echo_json(found.as_dict())
        return
    count = f"{len(found.stages)} stages" if len(found.stages) > 1 else "1 stage"
    say(((f"{found.network.name} in {count}", "bold"),))
    show_table(_COLUMNS, [_cells(stage) for stage in found.stages], cuts=_CUTS, drops=_DROPS)
    say("", f"balance {found.balance:.2f}: an average stage as a part of the largest; work is in {_units(found)}")


def _cut(arch: Architecture, stages: int, crossing: int | None, measure: str | None, batch: int) -> Pipeline:
    from archspec.analysis.cuts import CutError

    try:
        return arch.pipeline(stages, crossing=crossing, measure=measure, batch=batch)
    except CutError as error:
        raise click.UsageError(str(error)) from None
    except RuntimeError as error:
        if type(error).__name__ != "MissingDeviceError":  # its class is in a module that imports torch
            raise
        raise Unable(str(error)) from error


def _cells(stage: Stage) -> tuple[str, ...]:
    first, last = (stage.parts[0], stage.parts[-1]) if stage.parts else ("", "")
    parts = first if first == last else f"{first} … {last}"
    sizes = " + ".join("×".join(map(str, one.sizes)) or "scalar" for one in stage.sends)
    sent = sum(one.bytes for one in stage.sends)
    return str(stage.index), parts, f"{stage.share:.1%}", f"{stage.params:,}", f"{sizes}  ({_bytes(sent)})"


def _bytes(count: int) -> str:
    """Decimal, as networks are rated."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 10**6 else f"{count / 10**6:.1f} MB"


def _units(found: Pipeline) -> str:
    return "measured seconds" if found.unit == "seconds" else "MACs, or the bytes moved where they take longer"
