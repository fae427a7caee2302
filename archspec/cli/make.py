"""What `archspec build` makes of an architecture: a trial, or a file."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.errors import CommandError
from archspec.cli.warn import show_warnings
from archspec.cli.weights import WeightsOption, translate_weights_errors

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.codegen.fx.trial import Trial


def run_trial(arch: Architecture, *, device: str, seed: int, batch: int, given: WeightsOption) -> Trial:
    """One run of the network with these weights. Raises `CommandError`."""
    from archspec.codegen.errors import MissingDeviceError
    from archspec.codegen.fx.trial import try_out

    build = functools.partial(arch.build, seed=seed, **given.arguments)
    try:
        with show_warnings(), translate_weights_errors(as_json=given.as_json):
            return try_out(arch.graph, build, device=device, batch=batch)
    except MissingDeviceError as error:
        raise CommandError(str(error)) from error


def write_network(
    arch: Architecture, output: Path, ending: str, *, seed: int, given: WeightsOption, command: str
) -> None:
    """The network in a file, in the form of an ending; nothing is written where something fails. Raises `CommandError`."""
    if ending == ".py":
        arch.export(output, command=command, ending=ending)
        return
    from archspec.codegen.errors import ExportError

    try:
        with show_warnings(), translate_weights_errors(as_json=given.as_json):
            arch.export(output, seed=seed, ending=ending, **given.arguments)
    except ExportError as error:
        raise CommandError(str(error)) from error


def format_command(ctx: click.Context) -> str:
    """The command line that makes the same file again."""
    given = [f"--set={name}={text}" for name, text in ctx.params["overrides"].items()]
    given += ["--optimize"] if ctx.params["optimize"] else []
    return shlex.join(["archspec", "build", ctx.params["spec"], *given, "-o", str(ctx.params["output"])])
