"""The functions of the library that load and check specs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archspec.architecture import Architecture
from archspec.errors import Diagnostic, SpecError, diagnostic_order
from archspec.spans import Source
from archspec.spec import bundled as bundled_specs
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.source_lookup import Spec, locate_source

InputSizes = int | str | Iterable[int]
"""Sizes of one input without the batch: `(3, 512, 512)`, `"3,512,512"`, or a number where there is one."""
InputOverride = InputSizes | Mapping[str, InputSizes | Source]
"""Sizes of the input, or of several by name."""


def load(
    spec: Spec, *, input: InputOverride | None = None, limits: Limits | Budget = DEFAULT, **overrides: Any
) -> Architecture:
    """Loads the architecture that a spec describes.

    Its `warnings` are also logged to the logger "archspec".

    Args:
        spec: a path, the name of a bundled spec (`"densenet169"`), YAML text (it has a line break, or is in braces) or a mapping.
        input: sizes that replace those of the spec's input, without the batch: `(3, 512, 512)` or `"3,512,512"`; a mapping of such by name for
            several inputs. A size that is an argument in the spec becomes the value of that argument.
        limits: the limits of the compilation, or a `Budget` with limits, which counts the work done and can report progress.
        overrides: values that replace the defaults of the spec's `args`: numbers, including scalars of numpy and torch, or text,
            which is parsed as YAML, so that it can be a layer.

    Raises:
        SpecError: the spec has errors, which are its `diagnostics`. If the spec cannot be read, it is also an OSError (`SpecFileError`,
            `SpecNotFoundError`) or a TypeError (`SpecTypeError`).

    >>> load("resnet50", classes=10).output_shapes
    {'output': (10,)}
    >>> load("resnet50", input=(3, 320, 256)).macs
    6674923520
    """
    arch = load_overridden(spec, overrides, input=input, limits=limits)
    if arch.warnings:
        import logging

        for warning in arch.warnings:
            logging.getLogger("archspec").warning("%s", warning)
    return arch


def load_overridden(
    spec: Spec,
    overrides: Mapping[str, Any],
    *,
    input: InputOverride | None = None,
    limits: Limits | Budget = DEFAULT,
) -> Architecture:
    """Loads a spec as `load` does, with arguments of any name, even `limits`; warnings are not logged. Raises `SpecError`.

    >>> load_overridden("resnet18", {"classes": 10}).output_shapes
    {'output': (10,)}
    """
    if not isinstance(limits, Limits | Budget):
        raise TypeError(f"limits needs archspec.Limits, got {type(limits).__name__}")
    budget = Budget.of(limits)
    source, path = locate_source(spec, budget.limits)
    inputs = {} if input is None else make_input_sources(input)
    return Architecture(*compile_source(source, path, budget, overrides, inputs), path=path)


def make_input_sources(given: InputOverride, *, flag: str = "input=") -> dict[str, Source]:
    """Sizes of inputs as sources, by name; `flag` stands before them in messages. For programs with options of their own.

    >>> [source.yaml for source in make_input_sources("left=3x64x64").values()]
    ['3x64x64']
    """
    from archspec.spec.input_override import make_input_sources

    return make_input_sources(given, flag)


def check(
    spec: Spec, *, input: InputOverride | None = None, limits: Limits | Budget = DEFAULT
) -> tuple[Diagnostic, ...]:
    """All diagnostics of a spec: errors, including those of `expect`, and warnings.

    With other sizes of the `input`, which are as for `load`, `expect` is left out: it is about the spec's own.

    Raises:
        OSError: the file cannot be read, or there is no bundled spec of that name.
        TypeError: `spec` is of a type that is no spec.

    >>> [found.severity for found in check("{name: a, input: [8], args: {width: 4}, stages: {one: relu}}")]
    ['warning']
    """
    budget = Budget.of(limits)
    try:
        with budget.running():
            arch = load_overridden(spec, {}, input=input, limits=budget)
            unexpected = () if arch.program.given_inputs else arch.check_expectations()
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
