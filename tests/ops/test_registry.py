"""Invariants of every op: a word, help texts, an existing first field, an entry in the registry."""

from __future__ import annotations

import pytest

from archspec.ops import BY_WORD, OPS, OPTIONS, PASS_OPS
from archspec.ops.base import Op


def concrete(kind: type[Op]) -> set[type[Op]]:
    """The subclasses in archspec.ops with a word of their own; tests and back ends may define others."""
    own = kind.__module__.startswith("archspec.ops.")
    found = {kind} if own and "word" in vars(kind) else set()
    return found.union(*map(concrete, kind.__subclasses__()))


def test_every_op_is_registered_once() -> None:
    assert {*OPS, *PASS_OPS} == concrete(Op)
    assert len(BY_WORD) == len(OPS) == len(set(OPS))
    assert not BY_WORD.keys() & {op.word for op in PASS_OPS}


@pytest.mark.parametrize("kind", OPS, ids=lambda kind: kind.word)
def test_every_op_explains_itself(kind: type[Op]) -> None:
    assert "__doc__" in vars(kind)
    assert kind.__doc__
    assert len(kind.__doc__.splitlines()) == 1
    assert all(info.description for info in kind.model_fields.values())
    assert kind.first is None or kind.first in kind.model_fields
    assert kind.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("kind", OPS, ids=lambda kind: kind.word)
def test_required_fields_come_with_the_bare_argument(kind: type[Op]) -> None:
    required = [name for name, info in kind.model_fields.items() if info.is_required()]
    assert not required or required[0] == kind.first


def test_options_are_those_of_the_fields() -> None:
    assert {"same", "reflect", "avg", "row", "nearest", "kaiming_normal", "fan_out", "none"} <= OPTIONS
    assert "conv" not in OPTIONS
