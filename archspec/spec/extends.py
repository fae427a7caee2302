"""Loads a source and the specs that it extends into one document, and confines `extends` to one folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from archspec.errors import Collector, Diagnostic, SpecError
from archspec.files import read_file
from archspec.formats import list_endings
from archspec.printable import shorten_text
from archspec.spans import Source
from archspec.spec.document import Document, read_document
from archspec.spec.inherited_arguments import merge_documents
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.yaml_reader import decode_source, read_tree
from archspec.spec.yaml_tree import Scalar, Tree
from archspec.suggestions import suggest_nearest

SUFFIXES = list_endings("spec")
UNKNOWN_NAME = "`archspec list` shows the bundled specs; a path ends in .yaml"


@dataclass
class SpecLoader:
    """Loads one spec with those that it extends.

    `root` is the folder that `extends` may not leave, None for a text without a file; `bundled` returns the path of a bundled
    spec, or None; `known` are the names of all bundled specs.
    """

    root: Path | None
    bundled: Callable[[str], Path | None]
    known: Callable[[], tuple[str, ...]]
    limits: Limits = DEFAULT
    errors: Collector = field(default_factory=Collector)

    def load(self, source: Source, path: Path | None = None) -> Document | None:
        """The merged document of a source; None if it cannot be read as one. Adds its diagnostics to `errors`."""
        return self.load_tree(read_tree(source, self.limits), path)

    def load_tree(self, tree: Tree, path: Path | None) -> Document | None:
        """The merged document of a tree in the file `path`."""
        own = read_document(tree, self.errors)
        trail = [path.resolve() if path is not None else None]
        documents = [own]
        while own is not None and own.extends is not None:
            if len(documents) > self.limits.extends:
                raise _extends_error(f"more than {self.limits.extends} specs that extend one another", own.extends)
            source, path = self.open_base(own.extends, path)
            if path.resolve() in trail:
                raise _extends_error(
                    f"{shorten_text(own.extends.text)!r} extends itself{_format_trail(trail)}", own.extends
                )
            trail.append(path.resolve())
            own = read_document(read_tree(source, self.limits), self.errors)
            documents.append(own)
        if any(document is None for document in documents):
            return None
        whole = documents[-1]
        for child in reversed(documents[:-1]):
            assert whole is not None and child is not None
            whole = merge_documents(whole, child, self.errors)
        return whole

    def open_base(self, name: Scalar, path: Path | None) -> tuple[Source, Path]:
        """The source that `extends` names. Raises `SpecError` if there is none, or if it is outside `root`."""
        text = name.text
        if not text.endswith(SUFFIXES):
            bundled_path = self.bundled(text)
            if bundled_path is None:
                raise _extends_error(
                    f"there is no bundled spec {text[:60]!r}",
                    name,
                    suggest_nearest(text, self.known()) or UNKNOWN_NAME,
                )
            return open_source(bundled_path, f"{text}.yaml", self.limits, name), bundled_path
        if path is None or self.root is None:
            raise _extends_error(
                f"{text[:60]!r} is a path, and this spec has no file it could be relative to",
                name,
                "extend a bundled spec by its name",
            )
        if "\0" in text:
            raise _extends_error("a path has no NUL character", name)
        target = path.parent / text
        try:
            inside = target.resolve().is_relative_to(self.root.resolve())
            readable = target.is_file() or not target.exists()
        except (
            OSError,
            RuntimeError,
            UnicodeEncodeError,
        ):  # a cyclic link, or a name that is too long or of another encoding
            raise _extends_error(f"{shorten_text(text)!r} cannot be read: there is no such file", name) from None
        if not inside and not self.is_bundled(path, target):
            raise _extends_error(
                f"{text[:60]!r} lies outside the folder of the spec",
                name,
                "extends reaches files below the first spec's folder",
            )
        if not readable:
            raise _extends_error(f"{shorten_text(text)!r} cannot be read: it is no file", name)
        shown = target if not path.is_absolute() else target.resolve()
        return open_source(target, str(shown), self.limits, name), target

    def is_bundled(self, path: Path, target: Path) -> bool:
        """Whether a bundled spec extends another bundled one, which may be outside `root`."""
        bundled_path = self.bundled(target.stem)
        return (
            bundled_path is not None
            and bundled_path.resolve() == target.resolve()
            and path.resolve().parent == bundled_path.resolve().parent
        )


def open_source(path: Path, name: str, limits: Limits, reference: Scalar | None = None) -> Source:
    """The source of a file. Raises `SpecError` at `reference` if it cannot be read, or OSError without one."""
    try:
        return replace(decode_source(read_file(path, limits.bytes + 1), name, limits), path=path)
    except OSError as error:
        if reference is None:
            raise
        reason = (error.strerror or "it cannot be read").lower()
        raise _extends_error(f"{reference.text[:60]!r} cannot be read: {reason}", reference) from None


def _format_trail(trail: list[Path | None]) -> str:
    """The files between the first and the one that closes the cycle."""
    return f", through {', '.join(path.name for path in trail[1:] if path)}" if len(trail) > 1 else ""


def _extends_error(message: str, reference: Scalar, help: str | None = None) -> SpecError:
    return SpecError(Diagnostic(message, reference.span, help=help))
