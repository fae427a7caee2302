"""The JSON Schema of spaces accepts the bundled ones, refuses mistakes, and is the committed file."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from archspec.cli.commands import archspec as command
from archspec.errors import SpecError
from archspec.spec import bundled
from archspec.sweep.space import read_space
from archspec.sweep.space_reader import KEYS
from archspec.sweep.space_schema import build_space_schema

SCHEMA = build_space_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_schema_of_all_keys_and_the_committed_file() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert tuple(SCHEMA["properties"]) == KEYS
    kept = (bundled.find_bundled_folder() / "spaces" / "space.schema.json").read_text(encoding="utf-8")
    assert kept == CliRunner().invoke(command, ["schema", "--space"]).output, (
        "run: archspec schema --space > specs/spaces/space.schema.json"
    )


@pytest.mark.parametrize("name", bundled.list_bundled_spaces())
def test_bundled_spaces_fit(name: str) -> None:
    path = bundled.find_bundled_space(name)
    assert path is not None
    VALIDATOR.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


SPACE: dict[str, Any] = {"name": "s", "base": "resnet18", "over": {"classes": [1, 2]}}


@pytest.mark.parametrize(
    "change",
    [
        {"over": {"n": {"from": 1, "to": 3, "step": 0.5}, "body": [["relu"], {"conv": 3}]}},
        {"over": {"k": {"log_uniform": [1, 8], "step": 0.5}}, "sample": {"n": 3, "seed": 1}},
        {"sample": 3, "where": "params < 3"},
        {"measure": ["latency"]},
        {"measure": ["params", "macs", "latency"]},
        {"measure": {"latency": None, "test_error": {"epochs": 3, "rate": 0.1}}},
        {"search": {"objectives": ["macs", "-paths"], "sampler": "nsga2"}, "where": ["params < 3"]},
    ],
)
def test_what_is_read_fits(change: dict[str, Any]) -> None:
    read_space(json.dumps(SPACE | change))
    VALIDATOR.validate(SPACE | change)


@pytest.mark.parametrize(
    "change",
    [
        {"over": {}},
        {"over": {"n": 3}},
        {"over": {"n": [1, 1]}},
        {"over": {"n": {"from": 1}}},
        {"over": {"n": {"uniform": [1, 2], "log_uniform": [1, 2]}}},
        {"over": {"n": {"uniform": [1, 2], "step": 0}}, "sample": 3},
        {"sample": -1},
        {"sample": {"seed": 1}},
        {"were": []},
        {"measure": ["flops"]},
        {"measure": {"latency": {"batch": 0}}},
        {"measure": {"test_error": {"optimiser": "sgd"}}},
        {"search": {}},
        {"search": {"objectives": []}},
        {"search": {"objectives": ["macs"], "sampler": "grid"}},
        {"search": {"objectives": ["macs"]}, "sample": 3},
    ],
)
def test_a_mistake_neither_fits_nor_is_read(change: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(SPACE | change)
    with pytest.raises(SpecError):
        read_space(json.dumps(SPACE | change))
