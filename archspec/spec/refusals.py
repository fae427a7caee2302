"""Defines the errors of specs that cannot be read, which are also OSErrors or TypeErrors."""

from __future__ import annotations

import errno

from archspec.errors import Diagnostic, SpecError
from archspec.printable import shorten_text
from archspec.spans import Source, Span


class SpecFileError(SpecError, OSError):
    """Raised for a spec that cannot be read. It is also an OSError with the file and the reason.

    >>> import archspec
    >>> try:
    ...     archspec.load("no/such/file.yaml")
    ... except SpecFileError as error:
    ...     print(error.filename, error.errno == errno.ENOENT)
    no/such/file.yaml True
    """

    def __init__(self, message: str, file: str, *, help: str | None = None, code: int = errno.EIO) -> None:
        super().__init__(
            Diagnostic(message, Span(Source(shorten_text(file, 500), "", numbered=False), 1, 1), help=help)
        )
        self.errno, self.filename = code, file
        self.strerror = f"{message}; {help}" if help else message


class SpecNotFoundError(SpecFileError, FileNotFoundError):
    """Raised for a spec that is neither a file nor a bundled name.

    >>> import archspec
    >>> try:
    ...     archspec.load("resnet5")
    ... except SpecNotFoundError as error:
    ...     print(error.diagnostics[0].help)
    did you mean 'resnet50'?
    """

    def __init__(self, message: str, file: str, *, help: str | None = None) -> None:
        super().__init__(message, file, help=help, code=errno.ENOENT)


class SpecTypeError(SpecError, TypeError):
    """Raised for Python data that cannot be part of a spec.

    >>> import archspec
    >>> try:
    ...     archspec.load(5)
    ... except SpecTypeError as error:
    ...     print(isinstance(error, TypeError))
    True
    """
