"""The command `list`: lists the bundled networks."""

from __future__ import annotations

from fnmatch import fnmatchcase

import click

import archspec
from archspec.cli import show
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import Command
from archspec.cli.numbers import Integer, Limit
from archspec.cli.options import json_option

_LIST = """\
\b
Examples:
  archspec list --family densenet
  archspec list "cifar10_*" --max-params 1000000
  archspec list --source torchvision
  archspec list --year 2016 --json
"""


@click.command("list", cls=Command, epilog=_LIST)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--family", metavar="TEXT", help="Only families whose name holds TEXT.")
@click.option("--year", type=Integer(), help="Only networks of that year.")
@click.option("--max-params", type=Limit(0), metavar="N", help="Only networks with at most N parameters.")
@click.option("--max-macs", type=Limit(0), metavar="N", help="Only networks with at most N MACs.")
@click.option(
    "--source", metavar="TEXT", help="Only networks with numbers of that source, such as torchvision, timm or pycls."
)
@json_option
def command(
    patterns: tuple[str, ...],
    *,
    family: str | None,
    year: int | None,
    max_params: int | None,
    max_macs: int | None,
    source: str | None,
    as_json: bool,
) -> None:
    """List the bundled networks, family by family, with their counts.

    A PATTERN is a part of a name, or has * and ? in it. What others publish of each network, and whether its function is
    that of a library's model, is in the output of --json and in docs/zoo.md.
    """
    chosen = [
        entry
        for entry in archspec.load_zoo()
        if (not patterns or any(matches_pattern(entry.name, pattern) for pattern in patterns))
        and (family is None or family.lower() in entry.family.lower())
        and (year is None or entry.year == year)
        and (max_params is None or entry.params <= max_params)
        and (max_macs is None or entry.macs <= max_macs)
        and (source is None or any(source.lower() in name for name in entry.sources))
    ]
    if as_json:
        echo_json([entry.as_dict() for entry in chosen])
        return
    if chosen:
        show.format_listing(chosen)
    else:
        print_lines("no bundled network is like that")


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a name contains a pattern, or matches one with `*` and `?`."""
    return fnmatchcase(name, pattern if set(pattern) & set("*?[") else f"*{pattern}*")
