"""From a source to a document: reads it and what it extends, and keeps `extends` inside the folder it started in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from archspec.diagnostics import Collector, Diagnostic, Source, SpecError, guess, shorten
from archspec.files import read as read_file
from archspec.language.document import Document, document
from archspec.language.inherited import merge
from archspec.language.limits import DEFAULT, Limits
from archspec.language.reader import decode, read
from archspec.language.tree import Scalar

SUFFIXES = (".yaml", ".yml")
UNKNOWN_NAME = "`archspec list` shows the bundled specs; a path ends in .yaml"


@dataclass
class Loader:
    """Loads one spec with all that it extends.

    `root` is the folder that `extends` may not leave, None for a text without a file; `bundled` gives the path of a bundled
    spec by its name, or None; `known` are the names of all bundled specs.
    """

    root: Path | None
    bundled: Callable[[str], Path | None]
    known: Callable[[], tuple[str, ...]]
    limits: Limits = DEFAULT
    found: Collector = field(default_factory=Collector)

    def load(self, source: Source, path: Path | None = None) -> Document | None:
        """The merged document of a source; None where its outline is wrong. What is wrong goes into `found`."""
        own = document(read(source, self.limits), self.found)
        trail = [path.resolve() if path is not None else None]
        documents = [own]
        while own is not None and own.extends is not None:
            if len(documents) > self.limits.extends:
                raise _error(f"more than {self.limits.extends} specs that extend one another", own.extends)
            source, path = self.base(own.extends, path)
            if path.resolve() in trail:
                raise _error(f"{shorten(own.extends.text)!r} extends itself{_through(trail)}", own.extends)
            trail.append(path.resolve())
            own = document(read(source, self.limits), self.found)
            documents.append(own)
        if any(one is None for one in documents):
            return None
        whole = documents[-1]
        for child in reversed(documents[:-1]):
            assert whole is not None and child is not None
            whole = merge(whole, child, self.found)
        return whole

    def base(self, name: Scalar, path: Path | None) -> tuple[Source, Path]:
        """The source that `extends` names. Raises `SpecError`: there is none, or it is out of bounds."""
        text = name.text
        if not text.endswith(SUFFIXES):
            found = self.bundled(text)
            if found is None:
                raise _error(
                    f"there is no bundled spec {text[:60]!r}",
                    name,
                    guess(text, self.known()) or UNKNOWN_NAME,
                )
            return open_source(found, f"{text}.yaml", self.limits, name), found
        if path is None or self.root is None:
            raise _error(
                f"{text[:60]!r} is a path, and this spec has no file it could be relative to",
                name,
                "extend a bundled spec by its name",
            )
        if "\0" in text:
            raise _error("a path has no NUL character", name)
        target = path.parent / text
        try:
            inside = target.resolve().is_relative_to(self.root.resolve())
            readable = target.is_file() or not target.exists()
        except (
            OSError,
            RuntimeError,
            UnicodeEncodeError,
        ):  # a link to itself, a name that is too long, or of another encoding
            raise _error(f"{shorten(text)!r} cannot be read: there is no such file", name) from None
        if not inside and not self.is_bundled(path, target):
            raise _error(
                f"{text[:60]!r} lies outside the folder of the spec",
                name,
                "extends reaches files below the first spec's folder",
            )
        if not readable:
            raise _error(f"{shorten(text)!r} cannot be read: it is no file", name)
        shown = target if not path.is_absolute() else target.resolve()
        return open_source(target, str(shown), self.limits, name), target

    def is_bundled(self, path: Path, target: Path) -> bool:
        """Whether a bundled spec extends its neighbour, for a spec of somebody else's folder."""
        found = self.bundled(target.stem)
        return (
            found is not None
            and found.resolve() == target.resolve()
            and path.resolve().parent == found.resolve().parent
        )


def open_source(path: Path, name: str, limits: Limits, at: Scalar | None = None) -> Source:
    """The source of a file. Raises `SpecError` at `at` if it cannot be read, or OSError without one."""
    try:
        return decode(read_file(path, limits.bytes + 1), name, limits)
    except OSError as error:
        if at is None:
            raise
        reason = (error.strerror or "it cannot be read").lower()
        raise _error(f"{at.text[:60]!r} cannot be read: {reason}", at) from None


def _through(trail: list[Path | None]) -> str:
    """The files between the first and the one that closes the circle."""
    return f", through {', '.join(path.name for path in trail[1:] if path)}" if len(trail) > 1 else ""


def _error(message: str, at: Scalar, help: str | None = None) -> SpecError:
    return SpecError(Diagnostic(message, at.span, help=help))
