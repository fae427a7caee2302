"""Arguments and options that several commands share."""

from __future__ import annotations

import errno
import functools
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import archspec
from archspec import Source, files
from archspec.cli.errors import CommandError, show_diagnostics
from archspec.cli.numbers import Limit
from archspec.cli.watch import watch_budget
from archspec.printable import shorten_text

if TYPE_CHECKING:
    from archspec import Architecture, Limits

Command = Callable[..., None]

SPEC = (
    "SPEC is a file, the name of a bundled spec (`archspec list`), a folder with a spec.yaml, hub:ORG/NAME, or - for standard input; "
    "torchvision:NAME, timm:NAME, FILE.py:FACTORY and MODULE:FACTORY run a model's code and import it."
)


def parse_assignments(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """The names and values of `--set name=value`, as text. Raises `click.BadParameter`."""
    return dict(_parse_assignment(text) for text in given)


def _parse_assignment(given: str) -> tuple[str, str]:
    name, equals, text = given.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter(f"{given!r} is not name=value, e.g. --set growth=48")
    return name.strip(), text


def _parse_inputs(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, Source]:
    """What `--input` says, by the names of inputs. Raises `click.BadParameter`."""
    sources = [item for text in given for item in archspec.make_input_sources(text, flag="--input ").items()]
    if len(dict(sources)) < len(sources):
        raise click.BadParameter("the sizes of one input are given twice")
    return dict(sources)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, also for what is wrong with the spec.")
set_option = click.option(
    "--set",
    "overrides",
    metavar="K=V",
    multiple=True,
    callback=parse_assignments,
    help="Override one of the spec's args; repeatable.",
)
arguments_option = click.option(
    "--args",
    "arguments",
    metavar="K=V",
    multiple=True,
    callback=parse_assignments,
    help="An argument of the factory of the model; repeatable.",
)
input_option = click.option(
    "--input",
    "inputs",
    metavar="SIZES",
    multiple=True,
    callback=_parse_inputs,
    help="Other sizes of the input: 3,512,512; of several, NAME=SIZES; repeatable.",
)


def limits_options(command: Command) -> Command:
    """Adds `--max-nodes` and `--max-bytes`, which the command gets as `limits`."""

    @click.option("--max-nodes", type=Limit(1), metavar="N", help="The most nodes that the graph may have.")
    @click.option("--max-bytes", type=Limit(1), metavar="N", help="The most bytes that one file may have.")
    @functools.wraps(command)
    def limited(max_nodes: int | None, max_bytes: int | None, **options: Any) -> None:
        command(limits=given_limits(nodes=max_nodes, bytes=max_bytes), **options)

    return limited


def architecture_options(command: Command) -> Command:
    """Adds SPEC, `--set`, `--input`, `--outputs` and the limits; the command gets the architecture as `arch`."""

    @click.argument("spec", metavar="SPEC")
    @set_option
    @input_option
    @click.option(
        "--outputs",
        "parts",
        metavar="NAMES",
        multiple=True,
        callback=_split_names,
        help="Return these parts instead, as layer2,layer4, and leave out what none needs.",
    )
    @limits_options
    @functools.wraps(command)
    def loaded(
        spec: str,
        overrides: dict[str, str],
        inputs: dict[str, Source],
        parts: tuple[str, ...],
        limits: Limits,
        **options: Any,
    ) -> None:
        arch = load_given(spec, overrides, limits, inputs)
        command(_cut_network(arch, parts) if parts else arch, **options)

    return loaded


def _cut_network(arch: Architecture, parts: Sequence[str]) -> Architecture:
    """The network of `--outputs`. Raises `click.BadParameter`."""
    try:
        return arch.features(parts)
    except archspec.PassError as error:
        help = f"; {error.help}" if error.help else ""
        raise click.BadParameter(f"{error.message}{help}", param_hint="--outputs") from None


def _split_names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """The names that `--outputs` gives, with commas or repeated. Raises `click.BadParameter`."""
    names = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
    if given and not names:
        raise click.BadParameter("expected names of parts, such as layer2,layer4, got none")
    return names


def read_sizes(inputs: Mapping[str, Source]) -> tuple[tuple[int, ...], ...] | None:
    """The sizes that `--input` gives a model, in the order of its inputs; None without any. Raises `click.BadParameter`."""
    try:
        sizes = [
            tuple(int(size) for size in re.split(r"[x×,\s]+", source.yaml.strip("[] "))) for source in inputs.values()
        ]
    except ValueError:
        raise click.BadParameter("expected sizes without the batch, e.g. 3,224,224", param_hint="--input") from None
    return tuple(sizes) or None


def is_model_source(spec: str) -> bool:
    """Whether a SPEC names a model of PyTorch: `timm:NAME`, `FILE.py:FACTORY` and so on.

    >>> is_model_source("timm:resnet18"), is_model_source("hub:org/name"), is_model_source("resnet18.yaml")
    (True, False, False)
    """
    place, colon, name = spec.rpartition(":")
    module = place.endswith(".py") or all(part.isidentifier() for part in place.split("."))
    factory = all(part.isidentifier() for part in re.split(r"[.]", name)) or place in {"torchvision", "timm"}
    return bool(colon) and place != "hub" and module and factory


def _import_model(source: str, overrides: Mapping[str, str], inputs: Mapping[str, Source] | None) -> Architecture:
    """The network of a model, without a proof. Raises `CommandError` with all problems."""
    if overrides:
        raise click.UsageError("--set is for the args of a spec; a model has none")
    return archspec.imported(source, read_sizes(inputs or {}), proof=False).require()


def load_given(
    spec: str, overrides: Mapping[str, str], limits: Limits, inputs: Mapping[str, Source] | None = None
) -> Architecture:
    """Loads a SPEC with the values of `--set` and `--input` and prints its warnings on standard error. Raises `SpecError`."""
    if is_model_source(spec) and not os.path.lexists(spec):
        return _import_model(spec, overrides, inputs)
    given = {name: Source.option(name, text, flag="--set") for name, text in overrides.items()}
    with watch_budget(limits) as budget:
        arch = archspec.load_overridden(read_spec_argument(spec, limits), given, input=inputs or None, limits=budget)
    show_diagnostics(arch.warnings, as_json=False)
    return arch


def load_specs(
    specs: Sequence[str], limits: Limits, overrides: dict[str, str], inputs: dict[str, Source]
) -> list[Architecture]:
    """Loads several specs. Raises `click.BadParameter` if more than one is standard input."""
    if list(specs).count("-") > 1:
        raise click.BadParameter("standard input can be one spec, not two", param_hint="SPEC")
    return [load_given(spec, overrides, limits, inputs) for spec in specs]


def read_spec_argument(spec: str, limits: Limits) -> str | Path | Source:
    """The source that a SPEC stands for: standard input for `-`, a bundled name, or a file.

    Raises:
        SpecError: standard input is no text.
        CommandError: SPEC is empty or the text of a spec, or standard input cannot be read.
    """
    if spec == "-":
        return _standard_input(limits)
    if not spec:
        raise CommandError("expected a file, a bundled name or -, got an empty name")
    path = Path(spec)
    if path.is_file() or (os.path.lexists(path) and spec not in archspec.bundled()):
        return path
    if "\n" in spec or spec.lstrip().startswith("{"):
        raise CommandError(
            f"expected a file, a bundled name or -, got the text {shorten_text(spec, 40)!r}; - reads it from standard input"
        )
    return spec


def _standard_input(limits: Limits) -> Source:
    try:
        if sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # noqa: TRY301 -- the error for a closed descriptor
        return archspec.decode_source(files.read_most(sys.stdin.buffer, limits.bytes + 1), "<stdin>", limits)
    except OSError as error:
        raise CommandError(f"standard input: {error.strerror}") from error


def given_limits(**given: int | None) -> Limits:
    """The default limits, replaced by those given that are not None."""
    return archspec.Limits(**{name: value for name, value in given.items() if value is not None})
