"""What may go wrong while a command runs, and the exit code of each."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from archspec.diagnostics import Diagnostic, SpecError
from archspec.json_text import json_text

WRONG_SPEC = 1
WRONG_COMMAND = 2
INTERRUPTED = 130
NO_READER = 141

_CARETS = re.compile(r"^( +\| +)(\^+)$")


class Unable(click.ClickException):
    """A command that this machine cannot carry out; the spec may be fine."""

    exit_code = WRONG_COMMAND


class Diverged(click.ClickException):
    """A network whose loss, weights or scores are no finite numbers: as it is described, it cannot be trained or measured so."""

    exit_code = WRONG_SPEC


class Commands(click.Group):
    """The group of all commands: whatever one of them raises becomes a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with _exit_codes(ctx):
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


class SpecCommand(click.Command):
    """A command about one spec: a `SpecError` is its diagnostics on standard error, or in JSON on standard output."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SpecError as error:
            show_diagnostics(error.diagnostics, as_json=bool(ctx.params.get("as_json")))
            ctx.exit(WRONG_COMMAND if _of_options(error, ctx) else WRONG_SPEC)


def _of_options(error: SpecError, ctx: click.Context) -> bool:
    """Whether all that is wrong stands in what `--set` gave, and none of it in the spec."""
    given = {f"<{name}>" for name in ctx.params.get("overrides") or ()}
    return {diagnostic.span.source.name for diagnostic in error.diagnostics} <= given


def show_diagnostics(diagnostics: Iterable[Diagnostic], *, as_json: bool) -> None:
    """Prints diagnostics: as text on standard error, or as `{"diagnostics": […]}` on standard output."""
    if as_json:
        echo_json({"diagnostics": [diagnostic.as_dict() for diagnostic in diagnostics]})
        return
    for number, diagnostic in enumerate(diagnostics):
        click.echo(("\n" if number else "") + styled(diagnostic), err=True)


def echo_json(data: object) -> None:
    """Prints data as JSON, whole numbers with all of their digits."""
    click.echo(json_text(data, indent=2))


def styled(diagnostic: Diagnostic) -> str:
    """The text of a diagnostic with colours for a terminal; click takes them out for anything else."""
    place, *rest = str(diagnostic).splitlines()
    head, mark, message = place.partition(": error: ")
    lines = [click.style(head, bold=True) + mark.replace("error", click.style("error", fg="red", bold=True)) + message]
    for line in rest:
        carets = _CARETS.match(line)
        if carets:
            lines.append(carets[1] + click.style(carets[2], fg="red", bold=True))
        else:
            lines.append(line.replace("   help:", "   " + click.style("help:", fg="cyan"), 1))
    return "\n".join(lines)


@contextmanager
def _exit_codes(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        ctx.exit(INTERRUPTED)
    except BrokenPipeError:
        _leave_quietly(ctx)
    except OSError as error:
        raise Unable(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise Unable(
            "building a network needs torch, which is not installed: pip install 'archspec-nn[torch]'"
        ) from error
    except MemoryError as error:
        raise Unable(str(error) or "the memory of this machine is not enough") from error


def _leave_quietly(ctx: click.Context) -> NoReturn:
    """Ends a command whose output nobody reads, so that the last flush of the interpreter has somewhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    ctx.exit(NO_READER)
