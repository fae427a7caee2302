"""What `archspec build` makes of an architecture: a trial, or a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.errors import Unable

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.backends.torch.trial import Trial


def tried(arch: Architecture, *, device: str, seed: int, batch: int, weights: str | None, strict: bool) -> Trial:
    """One run of the network with these weights. Raises `Unable`."""
    from archspec.backends.torch import WeightsError, load_weights
    from archspec.backends.torch.trial import MissingDeviceError, try_out

    prepare = None if weights is None else lambda model: _report(str(load_weights(model, weights, strict=strict)))
    try:
        return try_out(arch.network, device=device, seed=seed, batch=batch, prepare=prepare)
    except (MissingDeviceError, WeightsError) as error:
        raise Unable(str(error)) from error


def written(arch: Architecture, output: Path, *, seed: int, weights: str | None, strict: bool, command: str) -> None:
    """The network in a file, by its ending; nothing is written where something fails. Raises `Unable`."""
    from archspec import files

    if output.suffix == ".py":
        files.write(output, arch.source(command))
        return
    from archspec.backends.torch import WRITERS, ExportError, WeightsError, build, load_weights, metadata

    try:
        model = build(arch.network, seed=seed)
        if weights is not None:
            _report(str(load_weights(model, weights, strict=strict)))
        about = metadata(arch.text, arch.name, arch.overrides)
        files.write(output, WRITERS[output.suffix](model, arch.network, about))
    except (ExportError, WeightsError) as error:
        raise Unable(str(error)) from error


def command(ctx: click.Context) -> str:
    """The command line that makes the same file again."""
    given = [f"--set={name}={text}" for name, text in ctx.params["overrides"].items()]
    return shlex.join(["archspec", "build", ctx.params["spec"], *given, "-o", str(ctx.params["output"])])


def _report(table: str) -> None:
    """Says on standard error what was not taken of the weights."""
    if table:
        click.echo(f"weights that were left out:\n{table}", err=True)
