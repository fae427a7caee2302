"""The functions of the library that load and check specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.architecture import Architecture
from archspec.errors import Diagnostic, SpecError, diagnostic_order
from archspec.spec import bundled as bundled_specs
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.source_lookup import Spec, locate_source


def load(spec: Spec, *, limits: Limits | Budget = DEFAULT, **overrides: Any) -> Architecture:
    """Loads the architecture that a spec describes.

    Its `warnings` are also logged to the logger "archspec".

    Args:
        spec: a path, the name of a bundled spec (`"densenet169"`), YAML text (it has a line break, or is in braces) or a mapping.
        limits: the limits of the compilation, or a `Budget` with limits, which counts the work done and can report progress.
        overrides: values that replace the defaults of the spec's `args`: numbers, including scalars of numpy and torch, or text,
            which is parsed as YAML, so that it can be a layer.

    Raises:
        SpecError: the spec has errors, which are its `diagnostics`. If the spec cannot be read, it is also an OSError (`SpecFileError`,
            `SpecNotFoundError`) or a TypeError (`SpecTypeError`).

    >>> load("resnet50", classes=10).output_shapes
    {'output': (10,)}
    """
    arch = load_overridden(spec, overrides, limits=limits)
    if arch.warnings:
        import logging

        for warning in arch.warnings:
            logging.getLogger("archspec").warning("%s", warning)
    return arch


def load_overridden(spec: Spec, overrides: Mapping[str, Any], *, limits: Limits | Budget = DEFAULT) -> Architecture:
    """Loads a spec as `load` does, with arguments of any name, even `limits`; warnings are not logged. Raises `SpecError`.

    >>> load_overridden("resnet18", {"classes": 10}).output_shapes
    {'output': (10,)}
    """
    if not isinstance(limits, Limits | Budget):
        raise TypeError(f"limits needs archspec.Limits, got {type(limits).__name__}")
    budget = Budget.of(limits)
    source, path = locate_source(spec, budget.limits)
    return Architecture(*compile_source(source, path, budget, overrides), path=path)


def check(spec: Spec, *, limits: Limits | Budget = DEFAULT) -> tuple[Diagnostic, ...]:
    """All diagnostics of a spec: errors, including those of `expect`, and warnings.

    Raises:
        OSError: the file cannot be read, or there is no bundled spec of that name.
        TypeError: `spec` is of a type that is no spec.

    >>> [found.severity for found in check("{name: a, input: [8], args: {width: 4}, stages: {one: relu}}")]
    ['warning']
    """
    budget = Budget.of(limits)
    try:
        with budget.running():
            arch = load_overridden(spec, {}, limits=budget)
            unexpected = arch.check_expectations()
    except SpecError as error:
        if isinstance(error, OSError | TypeError):
            raise
        return error.diagnostics
    return tuple(sorted((*unexpected, *arch.warnings), key=diagnostic_order))


def bundled() -> tuple[str, ...]:
    """The names of the bundled specs, sorted.

    >>> "resnet50" in bundled()
    True
    """
    return bundled_specs.list_bundled_names()


def schema() -> dict[str, Any]:
    """The JSON Schema of the language, for editors.

    >>> schema()["title"]
    'archspec'
    """
    from archspec.spec.schema import build_schema

    return build_schema()
