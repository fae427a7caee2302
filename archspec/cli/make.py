"""What `archspec build` makes of an architecture: a trial, or a file."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.console import print_lines
from archspec.cli.errors import CommandError
from archspec.cli.warn import show_warnings

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.codegen.fx.trial import Trial


def run_trial(arch: Architecture, *, device: str, seed: int, batch: int, weights: str | None, strict: bool) -> Trial:
    """One run of the network with these weights. Raises `CommandError`."""
    from archspec.codegen.errors import MissingDeviceError, WeightsError
    from archspec.codegen.fx.trial import try_out

    build = functools.partial(arch.build, seed=seed, weights=weights, strict=strict, report=_print_unused_weights)
    try:
        with show_warnings():
            return try_out(arch.graph, build, device=device, batch=batch)
    except (MissingDeviceError, WeightsError) as error:
        raise CommandError(str(error)) from error


def write_network(
    arch: Architecture, output: Path, ending: str, *, seed: int, weights: str | None, strict: bool, command: str
) -> None:
    """The network in a file, in the form of an ending; nothing is written where something fails. Raises `CommandError`."""
    if ending == ".py":
        arch.export(output, command=command, ending=ending)
        return
    from archspec.codegen.errors import ExportError, WeightsError

    try:
        with show_warnings():
            arch.export(output, seed=seed, weights=weights, strict=strict, report=_print_unused_weights, ending=ending)
    except (ExportError, WeightsError) as error:
        raise CommandError(str(error)) from error


def format_command(ctx: click.Context) -> str:
    """The command line that makes the same file again."""
    given = [f"--set={name}={text}" for name, text in ctx.params["overrides"].items()]
    given += ["--optimize"] if ctx.params["optimize"] else []
    return shlex.join(["archspec", "build", ctx.params["spec"], *given, "-o", str(ctx.params["output"])])


def _print_unused_weights(table: str) -> None:
    """Says on standard error what was not taken of the weights."""
    print_lines("weights that were left out:", *table.splitlines(), err=True)
