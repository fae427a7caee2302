"""Writes to standard output and standard error only text that is printable, in their encoding and as wide as the screen.

Commands print with `print_lines`, `echo_json` and `Screen.send`. While a command runs, `sys.stdout` and `sys.stderr` are `Screen`s too,
for what click and Python's warnings print.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click

from archspec.columns import Line, wrap_line
from archspec.printable import escape_unprintable, is_printable, replace_unencodable

WRONG_COMMAND = 2
INTERRUPTED = 130
NO_READER = 141

_CODES = {"bold": "1", "dim": "2", "red": "31", "magenta": "35", "cyan": "36"}
_STYLING = re.compile(r"\x1b\[[0-9;]*m")


class Screen(io.TextIOBase):
    """A text stream that escapes what is not printable or not in the encoding of the underlying stream."""

    def __init__(self, stream: TextIO | None, name: str) -> None:
        self.stream, self._name = stream, name

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8: any character can be written; `text` says how it is shown."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "strict"

    @property
    def buffer(self) -> Any:
        return self._open.buffer  # the binary stream below the text stream

    @property
    def coloured(self) -> bool:
        """Whether it gets colours: NO_COLOR and CLICOLOR_FORCE decide, then the terminal's abilities."""
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
            return True
        if not self.isatty():
            return not click.utils.should_strip_ansi(self.stream)  # type: ignore[attr-defined] # click's test runner passes for a terminal
        return os.environ.get("TERM") not in ("dumb", "unknown") and os.environ.get("CLICOLOR") != "0"

    @property
    def width(self) -> int | None:
        """Its columns, from COLUMNS or the terminal; None if lines have no limit."""
        given = os.environ.get("COLUMNS", "")
        if given.isdecimal() and int(given):
            return int(given)
        with contextlib.suppress(OSError, ValueError):
            return (os.get_terminal_size(self.fileno()).columns or None) if self.isatty() else None
        return None

    def text(self, text: str) -> str:
        """A text on one line as it is shown, for measuring."""
        return replace_unencodable(escape_unprintable(text), getattr(self.stream, "encoding", None) or "utf-8")

    def write(self, text: str) -> int:
        """Writes any text: styling is removed, other control characters are escaped, long lines wrapped."""
        lines = (((self.text(_STYLING.sub("", line)), ""),) for line in text.split("\n"))
        self.put("\n".join(_join_line(piece) for line in lines for piece in wrap_line(line, self.width)))
        return len(text)

    def put(self, text: str) -> None:
        """Writes text that is already printable in its encoding, with styling."""
        with self._kept():
            self._open.write(text)
            self._open.flush()

    def send(self, content: bytes) -> None:
        """Writes bytes."""
        with self._kept():
            self._open.flush()
            self.buffer.write(content)
            self.buffer.flush()

    def isatty(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        return self._open.fileno()

    def flush(self) -> None:
        if self.stream is not None:
            with self._kept():
                self.stream.flush()

    def writable(self) -> bool:
        return True

    @property
    def _open(self) -> TextIO:
        if self.stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.stream

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Ends the command if standard output cannot be written; errors of standard error are ignored."""
        try:
            yield
        except OSError as error:
            _give_up(self.stream)
            if self._name != "standard output":
                return
            if isinstance(error, BrokenPipeError):
                raise SystemExit(NO_READER) from None
            print_lines(f"Error: {self._name}: {error.strerror}", err=True)
            raise SystemExit(WRONG_COMMAND) from None


def _give_up(stream: TextIO | None) -> None:
    """Redirects a stream to the null device, so that the interpreter's last flush does not fail again."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


@contextlib.contextmanager
def guard_streams() -> Iterator[None]:
    """Replaces the standard streams by `Screen`s."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = find_screen(), find_screen(err=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def find_screen(*, err: bool = False) -> Screen:
    """The current standard output or standard error."""
    stream = sys.stderr if err else sys.stdout
    return stream if isinstance(stream, Screen) else Screen(stream, "standard error" if err else "standard output")


def print_lines(*lines: str | Line, err: bool = False, indent: int = 2, laid_out: bool = False) -> None:
    """Prints lines. Those that are too long for the screen are wrapped and continued with an indent.

    Each argument is one line: a line break in it is escaped. Lines that are `laid_out`, as those of a table, are not wrapped.
    """
    target = find_screen(err=err)
    parts = [[(line, "")] if isinstance(line, str) else line for line in lines]
    seen = [tuple((target.text(text), style) for text, style in line) for line in parts]
    width = None if laid_out else target.width
    fitted = [piece for line in seen for piece in wrap_line(line, width, indent)]
    target.put("".join(f"{_paint_line(line, target.coloured)}\n" for line in fitted))


def _paint_line(line: Line, coloured: bool) -> str:
    if not coloured:
        return _join_line(line)
    return "".join(_style_text(text, style.split()) if style and text else text for text, style in line)


def _join_line(line: Line) -> str:
    return "".join(text for text, _ in line)


def _style_text(text: str, styles: list[str]) -> str:
    return "".join(f"\x1b[{_CODES[style]}m" for style in styles) + text + "\x1b[0m"


def echo_json(data: object) -> None:
    """Prints data as JSON: integers with all digits, floats that are not finite as null.

    Characters that are not printable or not in the encoding are JSON escapes.
    """
    from archspec.json_text import dump_json

    target = find_screen()
    encoding = str(getattr(target.stream, "encoding", None) or "utf-8").lower()
    text = dump_json(data, indent=2, ascii=not encoding.startswith("utf"))
    target.put("\n".join(map(_escape_line, text.split("\n"))) + "\n")


def _escape_line(line: str) -> str:
    from archspec.json_text import dump_json

    return (
        line if is_printable(line) else "".join(c if is_printable(c) else dump_json(c, ascii=True)[1:-1] for c in line)
    )
