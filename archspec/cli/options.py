"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from archspec.language.limits import Limits

Command = TypeVar("Command", bound=Callable[..., Any])


class Assignment(click.ParamType):
    """`name=value`, the value read as YAML."""

    name = "k=v"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            self.fail(f"{value!r} is not name=value, e.g. --set growth=48", param, ctx)
        from archspec.architecture import parse_override

        try:
            return name.strip(), parse_override(text)
        except ValueError as error:
            self.fail(f"{name.strip()}: {text!r} cannot be read as a value: {error}", param, ctx)


def spec_argument(command: Command) -> Command:
    return click.argument("spec", metavar="SPEC")(command)


def set_option(command: Command) -> Command:
    text = "Override one of the spec's args; may be given several times."
    return click.option("--set", "overrides", type=Assignment(), multiple=True, help=text)(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, also for what is wrong with the spec.")(command)


def limit_options(command: Command) -> Command:
    """`--max-nodes` and `--max-bytes`; the command gets them as `max_nodes` and `max_bytes`, None where not given."""
    at_least_one = click.IntRange(min=1)
    for name, text in (
        ("--max-bytes", "The most bytes that one file may have."),
        ("--max-nodes", "The most nodes that the graph may have."),
    ):
        command = click.option(name, type=at_least_one, metavar="N", help=text)(command)
    return command


def limits_of(max_nodes: int | None, max_bytes: int | None) -> Limits:
    """The limits with what the command line says of them."""
    from archspec.language.limits import Limits

    given = {"nodes": max_nodes, "bytes": max_bytes}
    return Limits(**{name: value for name, value in given.items() if value is not None})
