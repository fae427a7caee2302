"""The command `claims`: shows what the literature claims about these networks, and runs what shows whether it is so."""

from __future__ import annotations

import io
import os
import shlex
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import Command
from archspec.cli.options import json_option
from archspec.cli.show import show_table
from archspec.columns import Column

if TYPE_CHECKING:
    from archspec.claims.book import Claim, Topic
    from archspec.claims.demonstrate import Shown

_CLAIMS = """\
\b
Examples:
  archspec claims                    all of them, a line for each
  archspec claims bernoulli          one, with the command that shows it
  archspec claims densenet           those about DenseNets
  archspec claims wrong --quick      the errors, without running anything
"""

_COLUMNS = (Column("claim", style="bold"), Column("verdict"), Column("shown"), Column("what is right", folds=True))


@click.command("claims", cls=Command, epilog=_CLAIMS)
@click.argument("patterns", nargs=-1, metavar="[FILTER]...")
@click.option("--quick", is_flag=True, help="List the verdicts without running the commands that show them.")
@json_option
def command(patterns: tuple[str, ...], *, quick: bool, as_json: bool) -> None:
    """Check what the literature says about residual networks.

    A FILTER is a part of a claim's name or of a topic, or a verdict: holds, imprecise, wrong. One claim is shown in full: the
    statement, what is right, its source, and each command with its output. The exit code is 1 if a command no longer shows what
    its verdict rests on.
    """
    from archspec.claims.book import find_claims

    pairs = find_claims(patterns)
    if not pairs and not as_json:
        print_lines("no claim is like that")
        return
    results = [(topic, claim, None if quick else list(_demonstrate_all(claim))) for topic, claim in pairs]
    if as_json:
        echo_json([_as_dict(topic, claim, shown) for topic, claim, shown in results])
    elif len(pairs) == 1:
        _show_one(*results[0])
    else:
        rows = [(claim.name, claim.verdict, _describe(claim, shown), claim.right) for _, claim, shown in results]
        show_table(_COLUMNS, rows, cuts=((3, 40), (0, 20), (3, 16), (0, 8)), drops=(2, 1))
    if any(demonstration.missing for _, _, shown in results for demonstration in shown or ()):
        raise SystemExit(1)


def _demonstrate_all(claim: Claim) -> list[Shown]:
    from archspec.claims.demonstrate import demonstrate, list_missing_packages
    from archspec.cli.progress import track_progress

    if list_missing_packages(claim):
        return []
    return [demonstrate(demonstration, run_command) for demonstration in track_progress(claim.show, claim.name)]


def run_command(line: str) -> str:
    """The output of a command line of archspec, without its first word, for a screen of any width."""
    from archspec.cli.commands import archspec

    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
    columns = os.environ.pop("COLUMNS", None)
    try:
        with redirect_stdout(printed):
            archspec.main(shlex.split(line), prog_name="archspec", standalone_mode=False)
    finally:
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return printed.buffer.getvalue().decode()


def _describe(claim: Claim, shown: list[Shown] | None) -> str:
    from archspec.claims.demonstrate import list_missing_packages

    if claim.cannot is not None:
        return "not here"
    if shown is None:
        return "not run"
    if not shown:
        return f"needs {', '.join(list_missing_packages(claim))}"
    return "no" if any(demonstration.missing for demonstration in shown) else "yes"


def _show_one(topic: Topic, claim: Claim, shown: list[Shown] | None) -> None:
    print_lines(((claim.claim, "bold"),))
    for name, text in (
        ("topic", topic.title),
        ("verdict", claim.verdict),
        ("right", claim.right),
        ("source", claim.source),
    ):
        print_lines(((f"{name:8}", "cyan"), (text, "")), indent=8)
    if claim.cannot is not None:
        print_lines((("shown   ", "cyan"), (f"not measurable here, because {claim.cannot}", "")), indent=8)
    for line in claim.made_by:
        print_lines((("made by ", "cyan"), (line, "")), indent=8)
    if shown == []:
        print_lines((("shown   ", "cyan"), (_describe(claim, shown), "")), indent=8)
    for demonstration in shown or ():
        print_lines("")
        given = demonstration.demonstration
        lines = [f"$ {given.text}"] if given.run is not None else [f"    {line}" for line in given.text.splitlines()]
        print_lines(*(((line, "dim"),) for line in lines))
        print_lines(*demonstration.output.splitlines())
        for text in demonstration.missing:
            print_lines(((f"expected {text!r} in this output", "red"),))


def _as_dict(topic: Topic, claim: Claim, shown: list[Shown] | None) -> dict[str, object]:
    runs = [
        {"command": one.demonstration.text, "output": one.output, "missing": list(one.missing)} for one in shown or ()
    ]
    return {"topic": topic.title, **claim.model_dump(exclude={"show"}), "shown": _describe(claim, shown), "runs": runs}
