"""The JSON Schema has every word of the language, accepts every bundled spec, and refuses misspelt arguments."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
import yaml

from archspec.api import schema
from archspec.ops import OPS
from archspec.passes.registry import BY_WORD
from archspec.spec import bundled

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
RESNET = """
name: small
input: [3, 32, 32]
args: {classes: 10, shortcut: [identity]}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {args: {width: int}, layers: [add: [[conv: {out: width, kernel: 3}, batchnorm], identity], relu]}
stages:
  stem: {conv: {out: 16, kernel: 3}}
  body: {repeat: {times: 2, index: i, layers: [unit: 16]}}
  pool: globalpool
  fc: {linear: classes}
passes: [stochastic_depth: {survival: 0.5, decay: linear}]
expect: {output: [10]}
"""


def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(RESNET)
    return loaded


def test_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_is_plain_json() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_bundled_specs_fit() -> None:
    texts = {path.name: path.read_bytes() for path in bundled.find_bundled_folder().glob("*.yaml")}
    assert [name for name, text in texts.items() if not VALIDATOR.is_valid(yaml.load(text, yaml.CSafeLoader))] == []


def test_a_small_spec_fits() -> None:
    VALIDATOR.validate(spec())


@pytest.mark.parametrize(
    ("where", "mistake"),
    [
        (("stages", "stem", "conv"), {"out": 16, "kernal": 3}),
        (("stages", "stem", "conv"), {"out": 16, "stride": 0}),
        (("stages", "stem", "conv"), {"out": 16, "kernel": [3, 3, 3, 3]}),
        (("stages", "body", "repeat"), {"time": 2, "layers": ["relu"]}),
        (("stages", "body", "repeat"), {"layers": ["relu"]}),
        (("defaults", "conv"), {"biass": False}),
        (("defaults",), {"cnov": {"bias": False}}),
        (("blocks", "unit"), {"arg": {"width": "int"}, "inputs": ["x"], "layers": ["relu"]}),
        (("passes",), [{"stochastic_depth": {"survivl": 0.5}}]),
        (("passes",), ["stochastic_dept"]),
        (("expect",), {"param": 3}),
        (("stage",), {}),
        (("input",), [0, 32, 32]),
        (("stages",), {}),
    ],
)
def test_a_mistake_does_not_fit(where: tuple[str, ...], mistake: object) -> None:
    wrong = copy.deepcopy(spec())
    inner = wrong
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = mistake
    assert not VALIDATOR.is_valid(wrong)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.word)
def test_every_argument_is_described(op: type[Any]) -> None:
    rule = SCHEMA["$defs"]["layer"]["anyOf"][2]["properties"][op.word]
    assert rule["description"]
    fields = SCHEMA["properties"]["defaults"]["properties"].get(op.word, {"properties": {}})["properties"]
    assert set(fields) == set(op.model_fields)
    for name, field in op.model_fields.items():
        assert fields[name].get("description"), name
        assert field.is_required() or "default" in fields[name], name


def test_every_pass_is_there() -> None:
    words, *uses = SCHEMA["properties"]["passes"]["items"]["anyOf"]
    assert words["enum"] == list(BY_WORD)
    assert [next(iter(use["properties"])) for use in uses] == list(BY_WORD)
