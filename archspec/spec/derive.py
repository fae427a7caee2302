"""Writes a spec that extends another one and adds passes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archspec.errors import ExportError
from archspec.files import is_same_file
from archspec.spec.bound_tree import PassUse, Program
from archspec.spec.bundled import find_bundled_spec
from archspec.spec.expression_parser import MAX_DIGITS
from archspec.spec.yaml_tree import to_plain_data
from archspec.spec.yaml_writer import write_yaml


def derive_spec(
    program: Program,
    extends: str,
    name: str,
    rewrites: Sequence[Any],
    *,
    args: Mapping[str, Any],
    paths: int,
) -> str:
    """The text of a spec `name` that extends `extends`, the spec of `program`, and adds passes.

    The passes of the extended spec are repeated, because those of an extending spec replace them. Its `expect` has `paths`, unless
    that number is too large for a spec.
    """
    document: dict[str, Any] = {"extends": extends, "name": name} | _input_entries(program)
    if args:
        document["args"] = dict(args)
    passes = [*map(_pass_entry, program.passes), *rewrites]
    if passes:
        document["passes"] = passes
    if paths < 10**MAX_DIGITS:
        document["expect"] = {"paths": paths}
    return write_yaml(document)


def _input_entries(program: Program) -> dict[str, Any]:
    """The sizes of the inputs, if some stand in the place of those of the spec."""
    if not any(given.literal for given in program.given_inputs):
        return {}
    inputs = {use.name: to_plain_data(use.sizes) for use in program.inputs}
    return inputs if list(inputs) == ["input"] else {"inputs": inputs}


def find_reference(path: Path, out: Path) -> str:
    """The value of `extends` in a file at `out` for the spec at `path`: the name of a bundled spec, or a path relative to the folder of `out`.

    Raises:
        ExportError: the path is not below the folder of `out`, or is not UTF-8.
    """
    bundled = find_bundled_spec(path.stem)
    if bundled is not None and is_same_file(path, bundled):
        return path.stem
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ExportError(f"{path} cannot be extended: its name is not UTF-8") from None
    relative = os.path.relpath(path.resolve(), out.resolve().parent)
    if relative.startswith(os.pardir):
        raise ExportError(f"{out} cannot extend {path}: a spec extends files of its own folder and below")
    return Path(relative).as_posix()


def _pass_entry(use: PassUse) -> Any:
    if not use.arguments:
        return use.word
    return {use.word: {field.name: to_plain_data(field.value) for field in use.arguments}}
