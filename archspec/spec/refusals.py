"""The errors of a spec that cannot be read; they are also errors of files and types."""

from __future__ import annotations

import errno

from archspec.errors import Diagnostic, Source, Span, SpecError, shorten_text


class SpecFileError(SpecError, OSError):
    """A spec that cannot be read. It is an OSError, too, with the file and the reason."""

    def __init__(self, message: str, file: str, *, help: str | None = None, code: int = errno.EIO) -> None:
        super().__init__(
            Diagnostic(message, Span(Source(shorten_text(file, 500), "", numbered=False), 1, 1), help=help)
        )
        self.errno, self.filename = code, file
        self.strerror = f"{message}; {help}" if help else message


class SpecNotFoundError(SpecFileError, FileNotFoundError):
    """A spec that is not there: neither a file nor a bundled name."""

    def __init__(self, message: str, file: str, *, help: str | None = None) -> None:
        super().__init__(message, file, help=help, code=errno.ENOENT)


class SpecTypeError(SpecError, TypeError):
    """Python data that is no part of a spec."""
