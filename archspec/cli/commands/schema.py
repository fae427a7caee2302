"""The command `schema`: prints the JSON Schema of the language."""

from __future__ import annotations

import click

import archspec
from archspec.cli.console import echo_json
from archspec.cli.errors import Command


@click.command("schema", cls=Command)
def command() -> None:
    """Print the JSON Schema of the language, for completion and checks in an editor."""
    echo_json(archspec.schema())
