"""JSON output is standard JSON for any numbers."""

from __future__ import annotations

import doctest
import json
import math
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec import json_text as module
from archspec.codegen.fx.weight_files import digest, errors
from archspec.json_text import dump_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=9,
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def plain(value: object) -> object:
    """The value after parsing: lists for tuples, null for floats that are not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


@given(VALUES, st.sampled_from([None, 2]))
def test_whatever_is_printed_is_read(value: object, indent: int | None) -> None:
    assert json.loads(dump_json(value, indent=indent), parse_constant=refuse) == plain(value)


def test_a_number_has_all_of_its_digits() -> None:
    assert dump_json({"paths": 10**5000}) == '{"paths":1' + "0" * 5000 + "}"


@pytest.mark.parametrize("documented", [module, digest, errors])
def test_the_examples_run(documented: ModuleType) -> None:
    found = doctest.testmod(documented)
    assert found.attempted and not found.failed
