"""The face of the library: a spec goes in, an architecture comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec import library
from archspec.architecture import Architecture
from archspec.compiler import Spec, compiled, located
from archspec.diagnostics import Diagnostic, Source, SpecError
from archspec.language import DEFAULT, Budget, Limits
from archspec.passes import ARGUMENTS


def load(spec: Spec, *, limits: Limits | Budget = DEFAULT, **overrides: Any) -> Architecture:
    """The architecture that a spec describes.

    `spec` is a path, the name of a bundled spec (`"densenet169"`), YAML text (it has a line break, or is in braces) or a
    mapping. `overrides` take the place of the document's `args`; text among them is read as YAML, so that a layer can be
    given too. `limits` may be a `Budget` with limits of its own, which then knows how much work was done, and can be watched.

    Raises:
        SpecError: the spec is not a network; its `diagnostics` say where and why.
        OSError: the file cannot be read, or there is no bundled spec of that name.
    """
    budget = Budget.of(limits)
    return Architecture(*compiled(*located(spec, budget.limits), budget, overrides))


def load_as(text: str, path: Path, *, limits: Limits = DEFAULT) -> Architecture:
    """The architecture of a spec that is still to be written to a file. Raises `SpecError`."""
    return Architecture(*compiled(Source(str(path), text), path, limits, {}))


def check(spec: Spec, *, limits: Limits | Budget = DEFAULT) -> tuple[Diagnostic, ...]:
    """All that is wrong with a spec, what it expects and does not get included; empty where nothing is.

    Raises:
        OSError: the file cannot be read, or there is no bundled spec of that name.
    """
    budget = Budget.of(limits)
    try:
        with budget.running():
            return load(spec, limits=budget).unexpected()
    except SpecError as error:
        return error.diagnostics


def bundled() -> tuple[str, ...]:
    """The names of the bundled specs."""
    return library.names()


def schema() -> dict[str, Any]:
    """The JSON Schema of the language, for editors."""
    from archspec.language.schema import schema

    return schema(ARGUMENTS)
