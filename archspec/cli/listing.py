"""The commands that show a network's parts, the bundled networks and the schema of the language."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

import archspec
from archspec.cli import show
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import Command, SpecCommand
from archspec.cli.options import SPEC, architecture_options, json_option

if TYPE_CHECKING:
    from archspec import Architecture

_SUMMARY = """\
\b
Examples:
  archspec summary resnet50 --depth 3
  archspec summary my.yaml --set classes=10 --json
"""
_LIST = """\
\b
Examples:
  archspec list --family densenet
  archspec list "cifar10_*" --max-params 1000000
  archspec list --year 2016 --json
"""


@click.command(cls=SpecCommand, epilog=_SUMMARY, help=f"Show the parts of a network and what each costs.\n\n{SPEC}")
@architecture_options
@click.option("--depth", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="Levels of parts.")
@json_option
def summary(arch: Architecture, *, depth: int, as_json: bool) -> None:
    table = arch.summary(depth=depth)
    if as_json:
        echo_json(table.as_dict())
        return
    print_lines(*archspec.render_summary(table, find_screen().width, find_screen().text).splitlines(), laid_out=True)


@click.command(cls=Command)
def schema() -> None:
    """Print the JSON Schema of the language, for completion and checks in an editor."""
    echo_json(archspec.schema())


@click.command("list", cls=Command, epilog=_LIST)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--family", metavar="TEXT", help="Only families whose name holds TEXT.")
@click.option("--year", type=int, help="Only networks of that year.")
@click.option("--max-params", type=click.IntRange(0), metavar="N", help="Only networks with at most N parameters.")
@click.option("--max-macs", type=click.IntRange(0), metavar="N", help="Only networks with at most N MACs.")
@json_option
def list_bundled(
    patterns: tuple[str, ...],
    *,
    family: str | None,
    year: int | None,
    max_params: int | None,
    max_macs: int | None,
    as_json: bool,
) -> None:
    """List the bundled networks, family by family, with their counts.

    A PATTERN is a part of a name, or has * and ? in it.
    """
    chosen = [
        entry
        for entry in archspec.load_zoo()
        if (not patterns or any(matches_pattern(entry.name, pattern) for pattern in patterns))
        and (family is None or family.lower() in entry.family.lower())
        and (year is None or entry.year == year)
        and (max_params is None or entry.params <= max_params)
        and (max_macs is None or entry.macs <= max_macs)
    ]
    if as_json:
        echo_json([entry.as_dict() for entry in chosen])
        return
    if chosen:
        show.format_listing(chosen)
    else:
        print_lines("no bundled network is like that")


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a name holds a pattern, or is like one with `*` and `?`."""
    return fnmatchcase(name, pattern if set(pattern) & set("*?[") else f"*{pattern}*")
