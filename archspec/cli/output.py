"""The options `-o` and `--format`, which are checked before the work, and the message after writing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from archspec import FORMATS, FormatKind, files, list_endings
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.errors import OUTPUT, CommandError, describe_os_error


class OutputFile(click.ParamType):  # type: ignore[type-arg] # not generic before click 8.3
    """The type of an output file; with `stream`, `-` is standard output.

    A wrong ending, a missing folder, and other reasons why it cannot be written end the command before its work.
    """

    name = OUTPUT

    def __init__(self, *endings: str, stream: bool = False, beside: tuple[str, ...] = ()) -> None:
        self.endings, self.stream, self.beside = endings, stream, beside

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if isinstance(value, Path):
            return value
        if value == "-" and self.stream:
            return files.STANDARD_OUTPUT
        path = Path(value)
        if not value or value.endswith(os.sep):
            self.fail(f"{value!r} is the name of a folder, not of a file", param, ctx)
        for name in (path, *(path.with_name(path.name + ending) for ending in self.beside)):
            check_writable(name)
        known = not self.endings or path.suffix.lower() in self.endings or (self.stream and files.is_stream(path))
        if not known and not (ctx is not None and isinstance(ctx.params.get("format"), str)):
            self.fail(f"expected a file that ends in {', '.join(self.endings)}, not {path.name!r}", param, ctx)
        return path


def check_writable(path: Path) -> None:
    """Ends the command if a file cannot be written."""
    try:
        files.check_writable(path)
    except OSError as error:
        raise CommandError(describe_os_error(error)) from error


def output_option(
    *endings: str, help: str, stream: bool = False, beside: tuple[str, ...] = (), **options: Any
) -> Callable[..., Any]:
    """The option `-o FILE`."""
    kind = OutputFile(*endings, stream=stream, beside=beside)
    return click.option("-o", "--output", type=kind, metavar="FILE", help=help, **options)


class FormatName(click.Choice):  # type: ignore[type-arg] # not generic before click 8.2
    """The type of a format's name; its value is the ending of the format."""

    def __init__(self, *kinds: FormatKind) -> None:
        self.endings = {form.name: form.ending for form in FORMATS if form.kind in kinds}
        super().__init__(list(self.endings))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return self.endings[super().convert(value, param, ctx)]


def format_option(
    *kinds: FormatKind, use: str = "What FILE gets, where its ending does not say it"
) -> Callable[..., Any]:
    """The option `--format`, which is parsed before `-o`; its value is an ending."""
    kind = FormatName(*kinds)
    help = f"{use}: {', '.join(kind.choices)}."
    return click.option("--format", type=kind, metavar="FORMAT", is_eager=True, help=help)


def ending_of(path: Path, format: str | None, default: str = "") -> str:
    """The ending that decides the format. Ends the command if there is none, or if binary data would go to a terminal."""
    ending = format or path.suffix.lower() or default
    if not ending:
        raise click.UsageError(f"{path} has no ending: --format says what it gets")
    if files.is_standard_output(path) and _is_binary(ending) and find_screen().isatty():
        raise click.UsageError(f"{ending} is nothing for a terminal: give a file or a pipe")
    return ending


def _is_binary(ending: str) -> bool:
    return any(form.binary for form in FORMATS if form.ending == ending)


def check_alone(path: Path | None, *, as_json: bool) -> None:
    """Ends the command if both the file and JSON would go to standard output."""
    if as_json and path is not None and files.is_standard_output(path):
        raise click.UsageError("standard output gets the file or the JSON, not both")


def say_written(path: Path, text: str | None = None) -> None:
    """Prints that a file is written, unless it is standard output."""
    if not files.is_standard_output(path):
        print_lines(text or f"written: {path}")


def table_options(kind: FormatKind) -> Callable[..., Any]:
    """The options `-o` and `--format` of a command that prints, unless one of them asks for a table in a format."""
    endings = list_endings(kind)
    output = output_option(
        *endings, stream=True, help=f"Write a file instead: {', '.join(endings)}; - for standard output."
    )
    names = format_option(kind, use="Print it as, or what FILE gets")
    return lambda command: output(names(command))


def write_table(
    save: Callable[[Path, str], None],
    facts: Mapping[str, object],
    output: Path | None,
    format: str | None,
    *,
    as_json: bool,
) -> bool:
    """Writes what `-o`, `--format` and `--json` ask for, and returns whether they ask for anything.

    Args:
        save: writes the table to a file in the format of an ending.
        facts: the content of the JSON.
        output: the file, if one is given.
        format: the ending of the format, if one is given; standard output gets it if there is no file.
        as_json: whether standard output gets JSON.
    """
    path = files.STANDARD_OUTPUT if output is None and format else output
    check_alone(path, as_json=as_json)
    if path is not None:
        save(path, ending_of(path, format))
    if as_json:
        echo_json({**facts, **({} if path is None else {"written": str(path)})})
    elif path is not None:
        say_written(path)
    return as_json or path is not None
