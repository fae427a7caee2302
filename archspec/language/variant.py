"""A spec that is another one with one more pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.expressions import MAX_DIGITS
from archspec.language.layers import PassUse, Program
from archspec.language.plain import written
from archspec.language.tree import plain


def variant(
    program: Program, extends: str, name: str, rewrite: Mapping[str, Any], *, args: Mapping[str, Any], paths: int
) -> str:
    """The text of a spec called `name` that extends `extends`, the spec of `program`, and rewrites it once more.

    The passes of the spec that is extended stand in it again: those of an extending spec take their place. It expects `paths`,
    unless that is a larger number than a spec can hold.
    """
    document: dict[str, Any] = {"extends": extends, "name": name}
    if args:
        document["args"] = dict(args)
    document["passes"] = [*map(_pass, program.passes), dict(rewrite)]
    if paths < 10**MAX_DIGITS:
        document["expect"] = {"paths": paths}
    return written(document)


def _pass(use: PassUse) -> Any:
    if not use.arguments:
        return use.word
    return {use.word: {field.name: plain(field.value) for field in use.arguments}}
