"""The command `schema`: prints the JSON Schema of the language, or that of spaces."""

from __future__ import annotations

import click

import archspec
from archspec.cli.console import echo_json
from archspec.cli.errors import Command


@click.command("schema", cls=Command)
@click.option("--space", is_flag=True, help="That of spaces, which archspec sweep reads.")
def command(*, space: bool) -> None:
    """Print the JSON Schema of the language, for completion and checks in an editor."""
    if space:
        from archspec.sweep.space_schema import build_space_schema

        echo_json(build_space_schema())
    else:
        echo_json(archspec.schema())
