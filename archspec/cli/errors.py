"""Turns the errors of commands into messages and exit codes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click

from archspec import ArchspecError, Diagnostic, SpecError
from archspec.cli.console import (
    INTERRUPTED,
    NO_READER,
    WRONG_COMMAND,
    echo_json,
    find_screen,
    guard_streams,
    print_lines,
)
from archspec.cli.help import Context
from archspec.columns import Line
from archspec.files import is_same_file
from archspec.printable import escape_unprintable

__all__ = ["INTERRUPTED", "NO_READER", "WRONG_COMMAND", "echo_json"]

WRONG_SPEC = 1
OUTPUT = "output file"
"""The name of the type of options that name a file to write."""

_CARETS = re.compile(r"( +\| +)(\^+)")
_HELP = "   help:"
_LONGEST_NAME = 200


class CommandError(click.ClickException):
    """Raised for a command that this machine cannot carry out."""

    exit_code = WRONG_COMMAND


class Command(click.Command):
    """A command whose help fits the screen."""

    context_class = Context


class HelpGroup(click.Group):
    """A group of commands whose help fits the screen."""

    context_class = Context
    command_class = Command


class DivergedCommandError(click.ClickException):
    """Raised for a network whose loss, weights or scores are not finite."""

    exit_code = WRONG_SPEC


class CommandGroup(HelpGroup):
    """The group of all commands, which turns their exceptions into messages and exit codes.

    The command `a-b` is `command` in the module `a_b` of `package`, imported on first use.
    """

    def __init__(self, *args: Any, package: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        modules = iter_modules(import_module(self.package).__path__)
        return sorted(module.name.replace("_", "-") for module in modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{self.package}.{cmd_name.replace('-', '_')}").command
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        if "_ARCHSPEC_COMPLETE" in os.environ:  # the output is read by a shell
            return super().main(*args, **kwargs)
        with guard_streams():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _exit_codes(ctx):
            return super().invoke(ctx)


class SpecCommand(Command):
    """A command that prints the diagnostics of a `SpecError` on standard error, or with `--json` on standard output.

    It never writes over the files that it is given to read.
    """

    def invoke(self, ctx: click.Context) -> Any:
        _check_inputs_stay(ctx)
        try:
            return super().invoke(ctx)
        except SpecError as error:
            show_diagnostics(error.diagnostics, as_json=bool(ctx.params.get("as_json")))
            ctx.exit(WRONG_COMMAND if is_command_error(error.diagnostics) else WRONG_SPEC)


def _check_inputs_stay(ctx: click.Context) -> None:
    """Ends the command if an output is a file among its arguments, or its weights."""
    given = {param: ctx.params.get(param.name or "") for param in ctx.command.params}
    written = [path for param, path in given.items() if param.type.name == OUTPUT and isinstance(path, Path)]
    for param, value in given.items():
        if param.type.name == OUTPUT or not (isinstance(param, click.Argument) or param.name == "weights"):
            continue
        for word in value if isinstance(value, tuple) else (value,):
            for path in written:
                if word is not None and _is_read(Path(str(word).partition("#")[0]), path):
                    raise CommandError(f"{shown_name(path)} is read by this command: -o needs another file")


def _is_read(given: Path, output: Path) -> bool:
    try:
        return given.is_file() and is_same_file(given, output)
    except (OSError, ValueError):  # a text that is no path
        return False


def is_command_error(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether there are errors, all of them on the command line, in `--set`, `--input` or SPEC, and none in the spec."""
    wrong = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
    return bool(wrong) and not any(diagnostic.span.source.numbered for diagnostic in wrong)


def show_diagnostics(diagnostics: Iterable[Diagnostic], *, as_json: bool) -> None:
    """Prints diagnostics: as text on standard error, or as `{"diagnostics": […]}` on standard output."""
    if as_json:
        echo_json({"diagnostics": [diagnostic.as_dict() for diagnostic in diagnostics]})
        return
    for number, diagnostic in enumerate(diagnostics):
        print_lines(*([""] if number else []), *style_diagnostic(diagnostic), err=True, indent=3)


def style_diagnostic(diagnostic: Diagnostic) -> list[Line]:
    """The styled lines of a diagnostic; its excerpt is cut around the carets to the width of the screen."""
    place, *rest = diagnostic.text(find_screen(err=True).width).splitlines()
    severity = diagnostic.severity
    colour = "red bold" if severity == "error" else "magenta bold"
    head, mark, message = place.partition(f": {severity}: ")
    first = ((head, "bold"), (mark[:2], ""), (severity, colour), (f": {message}", ""))
    return [first, *(_style_line(line, colour) for line in rest)]


def _style_line(line: str, colour: str) -> Line:
    carets = _CARETS.fullmatch(line)
    if carets:
        return ((carets[1], ""), (carets[2], colour))
    if line.startswith(_HELP):
        return (("   ", ""), (_HELP.strip(), "cyan"), (line.removeprefix(_HELP), ""))
    return ((line, ""),)


def describe_os_error(error: OSError) -> str:
    """The message of an OSError, with its file if it has one."""
    if error.filename is None:
        return error.strerror or str(error)
    return f"{shown_name(error.filename)}: {error.strerror}"


def shown_name(name: object) -> str:
    """The name of a file for a message, printable and cut to a length."""
    text = escape_unprintable(os.fsdecode(name) if isinstance(name, str | bytes) else str(name))
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


@contextmanager
def _exit_codes(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print_lines("interrupted", err=True)
        ctx.exit(INTERRUPTED)
    except BrokenPipeError as error:
        if error.filename is not None:
            raise CommandError(describe_os_error(error)) from error
        ctx.exit(NO_READER)
    except OSError as error:
        raise CommandError(describe_os_error(error)) from error
    except ArchspecError as error:
        raise CommandError(str(error)) from error
    except MemoryError as error:
        raise CommandError(str(error) or "the memory of this machine is not enough") from error
