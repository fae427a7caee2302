"""The options `-o` and `--format`, which are checked before the work, and the message after writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from archspec import FORMATS, files
from archspec.cli.console import find_screen, print_lines
from archspec.cli.errors import CommandError, describe_os_error


class OutputFile(click.ParamType):  # type: ignore[type-arg] # not generic before click 8.3
    """The type of an output file; with `stream`, `-` is standard output.

    A wrong ending, a missing folder, and other reasons why it cannot be written end the command before its work.
    """

    name = "file"

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


def format_option(*endings: str) -> Callable[..., Any]:
    """The option `--format`, which is parsed before `-o`."""
    names = [ending.removeprefix(".") for ending in endings]
    return click.option(
        "--format",
        type=click.Choice(names),
        metavar="FORMAT",
        is_eager=True,
        help=f"What FILE gets, where its ending does not say it: {', '.join(names)}.",
    )


def ending_of(path: Path, format: str | None, default: str = "") -> str:
    """The ending that decides the format. Ends the command if there is none, or if binary data would go to a terminal."""
    ending = f".{format}" if format else path.suffix.lower() or default
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
