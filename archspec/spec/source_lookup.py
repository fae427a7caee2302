"""Finds the source of a spec that is given as a path, a bundled name, a text or a mapping."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspec import hub
from archspec.printable import shorten_text
from archspec.spans import Source
from archspec.spec import bundled
from archspec.spec.extends import SUFFIXES, UNKNOWN_NAME, open_source
from archspec.spec.limits import Limits
from archspec.spec.refusals import SpecFileError, SpecNotFoundError
from archspec.spec.yaml_writer import make_outside_error, write_yaml
from archspec.suggestions import find_nearest, suggest_nearest

Spec = str | os.PathLike[str] | Mapping[str, Any] | Source
"""A path, the name of a bundled spec, YAML text, or a mapping of the same content."""

_TEXT = "YAML text has a line break, or stands in braces"
_KINDS = "a spec is a path, a bundled name, YAML text or a mapping"


def locate_source(spec: Spec, limits: Limits) -> tuple[Source, Path | None]:
    """The source of a spec, and its file if it has one.

    A string that is the name of an existing file is that file; one with a line break or in braces is YAML text, and `hub:org/name` a
    repository of a hub. A folder stands for the `spec.yaml` in it.

    Raises:
        SpecFileError: the file does not exist or cannot be read.
        SpecTypeError: `spec` is of another type.
    """
    if isinstance(spec, Source):
        return spec, None
    if isinstance(spec, Mapping):
        return Source("<mapping>", write_yaml(spec, limits=limits)), None
    path = _to_path(spec)
    if _is_file(path):
        return _open_spec_file(path, limits), path
    if isinstance(spec, str):
        line = spec.strip()
        if line != spec and "\n" not in line and (bundled.find_bundled_spec(line) or _is_file(Path(line))):
            raise SpecNotFoundError(
                "the name of a spec has no space or line break around it", line, help=f"write {line!r}"
            )
        if "\n" in spec or spec.lstrip().startswith("{"):
            return Source("<text>", spec), None
        named = bundled.find_bundled_spec(spec)
        if named is not None:
            return open_source(named, f"{spec}.yaml", limits), named
        if spec.startswith(hub.PREFIX):
            path = _fetch_spec(spec)
            return _open_spec_file(path, limits), path
    if _is_file(path / hub.SPEC_FILE):
        path = path / hub.SPEC_FILE
    if path.suffix in SUFFIXES or _exists(path):
        return _open_spec_file(path, limits), path
    raise SpecNotFoundError(*_describe_missing(spec), help=_suggest_spec(spec))


def _fetch_spec(address: str) -> Path:
    """Downloads the spec of a repository. Raises `SpecFileError`."""
    try:
        return hub.fetch_folder(address, weights=False) / hub.SPEC_FILE
    except hub.HubError as error:
        raise SpecFileError(error.message, address, help=error.help or None) from error


def make_override_source(name: str, value: Any, limits: Limits, *, flag: str = "") -> Source:
    """The source of a value that overrides one of a spec's `args`; a string is YAML text."""
    if isinstance(value, Source):
        return value
    text = (
        str.__str__(value)
        if isinstance(value, str)
        else write_yaml(value, name, limits).removesuffix("\n").removesuffix("\n...")
    )
    return Source.option(name, text, flag=flag)


def _to_path(spec: object) -> Path:
    """The path of a spec. Raises `SpecTypeError` for another type, and `SpecNotFoundError` for an empty path."""
    if not isinstance(spec, str | os.PathLike):
        advice = "give its path, or its text: file.read()" if hasattr(spec, "read") else None
        advice = "decode it: spec.decode()" if isinstance(spec, bytes | bytearray) else advice
        raise make_outside_error(f"{_KINDS}, got {type(spec).__name__}", "<spec>", help=advice)
    text = os.fspath(spec)
    if not isinstance(text, str):
        raise make_outside_error(f"{_KINDS}, got a path of {type(text).__name__}", "<spec>")
    if not text.strip():
        raise SpecNotFoundError(f"{_KINDS}, got an empty text", "<spec>")
    if "\0" in text and "\n" not in text:
        raise SpecNotFoundError("a path has no NUL character", text)
    return Path(text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return True


def _open_spec_file(path: Path, limits: Limits) -> Source:
    """The source of a file. Raises `SpecFileError`."""
    shown = str(path)
    try:
        return open_source(path, shown, limits)
    except FileNotFoundError as error:
        raise SpecNotFoundError("there is no such file", shown, help=_suggest_neighbour(path)) from error
    except IsADirectoryError as error:
        raise SpecFileError(
            "a spec is a file, this is a directory", shown, help=_suggest_in_folder(path), code=errno.EISDIR
        ) from error
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise SpecFileError(reason, shown, code=error.errno or errno.EIO) from error


def _describe_missing(spec: str | os.PathLike[str]) -> tuple[str, str]:
    """The message for a string that is no spec, and its shown name."""
    text = os.fspath(spec)
    if isinstance(spec, str):
        return f"there is no bundled spec and no file {text[:60]!r}", text
    return f"there is no file {text[:60]!r}", text


def _suggest_spec(spec: str | os.PathLike[str]) -> str:
    text = os.fspath(spec)
    if not isinstance(spec, str):
        return (
            f"a bundled spec is named by a string: {text!r}"
            if bundled.find_bundled_spec(text)
            else "a path ends in .yaml"
        )
    if any(character in text for character in ":[],") and Path(text).name == text:
        return _TEXT
    return suggest_nearest(text, bundled.list_bundled_names()) or UNKNOWN_NAME


def _suggest_neighbour(path: Path) -> str | None:
    """Advice for a missing file: one of a similar name beside it, or the bundled spec of that name."""
    try:
        others = sorted(other.name for other in path.parent.iterdir() if other.suffix in SUFFIXES)
    except OSError:
        return None
    close = find_nearest(path.name, others)
    if close is not None:
        return f"did you mean {str(path.parent / close)!r}?"
    return f"{path.stem!r} is a bundled spec: its name has no ending" if bundled.find_bundled_spec(path.stem) else None


def _suggest_in_folder(path: Path) -> str | None:
    """Advice for a directory: one of the specs in it."""
    specs = sorted(other for other in path.iterdir() if other.suffix in SUFFIXES)
    return f"there is {shorten_text(str(specs[0]))} in it" if specs else None
