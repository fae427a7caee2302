"""The arguments and options that several commands share."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archspec.cli.watch import watched

if TYPE_CHECKING:
    from archspec.diagnostics import Source
    from archspec.language.limits import Limits

Command = Callable[..., None]

SPEC = "SPEC is a file, the name of a bundled spec (`archspec list`), or - for standard input."


def assignments(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """What `--set name=value` says, each value still as text. Raises `click.BadParameter`."""
    return dict(_assignment(text) for text in given)


def _assignment(given: str) -> tuple[str, str]:
    name, equals, text = given.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter(f"{given!r} is not name=value, e.g. --set growth=48")
    return name.strip(), text


ENDINGS = (".py", ".pt2", ".onnx", ".safetensors")


def known_ending(_: click.Context, __: click.Parameter, given: Path | None) -> Path | None:
    """A file's name that says what to write into it. Raises `click.BadParameter`."""
    if given is not None and given.suffix not in ENDINGS:
        raise click.BadParameter(f"{given.name!r} ends in none of {', '.join(ENDINGS)}")
    return given


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, also for what is wrong with the spec.")
set_option = click.option(
    "--set",
    "overrides",
    metavar="K=V",
    multiple=True,
    callback=assignments,
    help="Override one of the spec's args; repeatable.",
)


def limits_options(command: Command) -> Command:
    """`--max-nodes` and `--max-bytes`; the command gets them as one `limits`."""

    @click.option(
        "--max-nodes", type=click.IntRange(min=1), metavar="N", help="The most nodes that the graph may have."
    )
    @click.option("--max-bytes", type=click.IntRange(min=1), metavar="N", help="The most bytes that one file may have.")
    @functools.wraps(command)
    def limited(max_nodes: int | None, max_bytes: int | None, **options: Any) -> None:
        command(limits=given_limits(nodes=max_nodes, bytes=max_bytes), **options)

    return limited


def architecture_options(command: Command) -> Command:
    """`SPEC`, `--set` and the limits; the command gets the architecture that they make."""

    @click.argument("spec", metavar="SPEC")
    @set_option
    @limits_options
    @functools.wraps(command)
    def loaded(spec: str, overrides: dict[str, str], limits: Limits, **options: Any) -> None:
        from archspec.loading import load

        with watched(limits) as budget:
            arch = load(source(spec, limits), limits=budget, **overrides)
        command(arch, **options)

    return loaded


def source(spec: str, limits: Limits) -> str | Source:
    """What the compiler is given for a SPEC: the text of standard input for `-`. Raises `SpecError` if that is no text."""
    if spec != "-":
        return spec
    from archspec.language.reader import decode

    return decode(sys.stdin.buffer.read(limits.bytes + 1), "<stdin>", limits)


def given_limits(**given: int | None) -> Limits:
    """The limits with those that the command line gives."""
    from archspec.language.limits import Limits

    return Limits(**{name: value for name, value in given.items() if value is not None})
