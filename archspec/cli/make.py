"""What `archspec build` makes of an architecture: a trial, or a file."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.errors import Unable
from archspec.cli.warn import shown_warnings

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.backends.torch.trial import Trial


def tried(arch: Architecture, *, device: str, seed: int, batch: int, weights: str | None, strict: bool) -> Trial:
    """One run of the network with these weights. Raises `Unable`."""
    from archspec.backends.torch import WeightsError
    from archspec.backends.torch.trial import MissingDeviceError, try_out

    build = functools.partial(arch.build, seed=seed, weights=weights, strict=strict, report=_report)
    try:
        with shown_warnings():
            return try_out(arch.network, build, device=device, batch=batch)
    except (MissingDeviceError, WeightsError) as error:
        raise Unable(str(error)) from error


def written(arch: Architecture, output: Path, *, seed: int, weights: str | None, strict: bool, command: str) -> None:
    """The network in a file, by its ending; nothing is written where something fails. Raises `Unable`."""
    if output.suffix == ".py":
        arch.export(output, command=command)
        return
    from archspec.backends.torch import ExportError, WeightsError

    try:
        with shown_warnings():
            arch.export(output, seed=seed, weights=weights, strict=strict, report=_report)
    except (ExportError, WeightsError) as error:
        raise Unable(str(error)) from error


def command(ctx: click.Context) -> str:
    """The command line that makes the same file again."""
    given = [f"--set={name}={text}" for name, text in ctx.params["overrides"].items()]
    given += ["--optimize"] if ctx.params["optimize"] else []
    return shlex.join(["archspec", "build", ctx.params["spec"], *given, "-o", str(ctx.params["output"])])


def _report(table: str) -> None:
    """Says on standard error what was not taken of the weights."""
    click.echo(f"weights that were left out:\n{table}", err=True)
