"""The text of a spec that extends another one and has one more pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.spec.bound_tree import PassUse, Program
from archspec.spec.expressions import MAX_DIGITS
from archspec.spec.yaml_tree import to_plain_data
from archspec.spec.yaml_writer import write_yaml


def derive_spec(
    program: Program, extends: str, name: str, rewrite: Mapping[str, Any], *, args: Mapping[str, Any], paths: int
) -> str:
    """The text of a spec called `name` that extends `extends`, the spec of `program`, and rewrites it once more.

    The passes of the spec that is extended stand in it again: those of an extending spec take their place. It expects `paths`,
    unless that is a larger number than a spec can hold.
    """
    document: dict[str, Any] = {"extends": extends, "name": name}
    if args:
        document["args"] = dict(args)
    document["passes"] = [*map(_pass_entry, program.passes), dict(rewrite)]
    if paths < 10**MAX_DIGITS:
        document["expect"] = {"paths": paths}
    return write_yaml(document)


def _pass_entry(use: PassUse) -> Any:
    if not use.arguments:
        return use.word
    return {use.word: {field.name: to_plain_data(field.value) for field in use.arguments}}
