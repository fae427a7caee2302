"""The functions of the library that load and check specs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.architecture import Architecture
from archspec.errors import Diagnostic, SpecError, diagnostic_order
from archspec.spans import Source
from archspec.spec import bundled as bundled_specs
from archspec.spec.budget import Budget
from archspec.spec.compiler import compile_source
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.source_lookup import Spec, locate_source

if TYPE_CHECKING:
    import torch

    from archspec.codegen.fx import WeightReport

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


def from_pretrained(
    pretrained_model_name_or_path: str | os.PathLike[str],
    *,
    revision: str | None = None,
    subfolder: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    strict: bool = True,
    adapt: str | Iterable[str] = (),
    report: Callable[[WeightReport], object] | None = None,
    input: InputOverride | None = None,
    limits: Limits | Budget = DEFAULT,
    **overrides: Any,
) -> torch.fx.GraphModule:
    """Loads the network of a model's folder, local or in a repository, with its weights, in evaluation mode.

    `Architecture.save_pretrained` writes such folders; `load("hub:org/name")` gives the architecture alone. Names and arguments follow
    `ModelHubMixin` of huggingface_hub.

    Args:
        pretrained_model_name_or_path: a folder with `spec.yaml` and `model.safetensors` (or an index of shards), or `org/name`.
        revision: a branch, tag or commit.
        subfolder: the folder within the repository or folder.
        token: the token; if None, that of `hf auth login`.
        cache_dir: the cache of downloads.
        force_download: whether to download cached files again.
        local_files_only: whether to use the cache alone.
        device: as in `build`.
        dtype: as in `build`.
        strict: as in `build`.
        adapt: as in `build`.
        report: as in `build`.
        input: as in `load`.
        limits: as in `load`.
        overrides: as in `load`.

    Raises:
        HubError: the repository cannot be downloaded, or has no spec.
        UnavailableError: huggingface_hub is needed and not installed.
        SpecError: the spec is not a network.
        WeightsError: the weights cannot be read, or do not fit the network.
        OSError: a file cannot be read.

    >>> load("cifar_resnet20_A", classes=2).save_pretrained("two")
    >>> from_pretrained("two", classes=5, adapt="head", report=lambda done: print(done.counts)).fc
    two: 114 of 116 tensors taken, 2 of its 116 left out
    Linear(in_features=64, out_features=5, bias=True)
    """
    from archspec import hub

    folder = Path(pretrained_model_name_or_path)
    if folder.is_dir():
        folder = folder / (subfolder or "")
    else:
        address = os.fspath(pretrained_model_name_or_path)
        fetching = {"token": token, "cache_dir": cache_dir, "force_download": force_download}
        folder = hub.fetch_folder(
            address, weights=True, revision=revision, subfolder=subfolder, local_files_only=local_files_only, **fetching
        )
    arch = load_overridden(folder / hub.SPEC_FILE, overrides, input=input, limits=limits)
    return arch.build(device, dtype, weights=folder, strict=strict, adapt=adapt, report=report).eval()


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
