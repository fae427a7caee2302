"""Builds the JSON Schema of spaces, for completion and checks in editors."""

from __future__ import annotations

from typing import Any

from archspec.sweep.axes import COUNTS
from archspec.sweep.measures import MEASURES
from archspec.sweep.search_settings import SearchSettings

Schema = dict[str, Any]

_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_VALUES = {
    "type": "array",
    "items": {"type": ["number", "string", "boolean", "array", "object", "null"]},
    "minItems": 1,
    "uniqueItems": True,
}
_STEP = {"type": "number", "exclusiveMinimum": 0, "description": "the distance of neighbours"}


def build_space_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a space.

    >>> sorted(build_space_schema()["required"])
    ['base', 'name', 'over']
    """
    word = {"type": "string", "minLength": 1}
    whole = {"type": "integer", "minimum": 0}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archspec space",
        "description": "A space of variants of a network.",
        "type": "object",
        "properties": {
            "name": word,
            "source": {"type": "string", "description": "the paper, section or table that it is from"},
            "base": {**word, "description": "a bundled network, or a file beside the space"},
            "over": {
                "type": "object",
                "description": "arguments of the base, or stages.NAME and blocks.NAME, and their values",
                "minProperties": 1,
                "additionalProperties": _describe_axis(),
            },
            "where": {
                "description": "conditions that all must hold, as 3.9e9 <= macs <= 4.3e9",
                "anyOf": [word, {"type": "array", "items": word}],
            },
            "sample": {
                "description": "how many points are drawn, instead of all",
                "anyOf": [whole, _describe_mapping({"n": whole, "seed": whole}, "n")],
            },
            "measure": _describe_measures(),
            "search": {
                **_describe_model(SearchSettings),
                "description": "points are suggested by Optuna, instead of all",
            },
        },
        "required": ["name", "base", "over"],
        "additionalProperties": False,
        "not": {"required": ["sample", "search"]},
    }


def _describe_axis() -> Schema:
    number = {"type": "number"}
    return {
        "anyOf": [
            {**_VALUES, "description": "each of them"},
            _describe_mapping({"choice": _VALUES}, "choice"),
            _describe_mapping({"from": number, "to": number, "step": _STEP}, "from", "to"),
            _describe_mapping({"uniform": _NUMBERS, "step": _STEP}, "uniform"),
            _describe_mapping({"log_uniform": _NUMBERS, "step": _STEP}, "log_uniform"),
        ]
    }


def _describe_measures() -> Schema:
    settings = {
        name: {**_describe_model(measure.settings), "type": ["object", "null"], "description": measure.text}
        for name, measure in MEASURES.items()
    }
    names = {"type": "array", "items": {"enum": [*MEASURES, *COUNTS]}, "minItems": 1, "uniqueItems": True}
    by_name = {"type": "object", "properties": settings, "additionalProperties": False, "minProperties": 1}
    return {"description": "what the points are measured for", "anyOf": [names, by_name]}


def _describe_model(model: Any) -> Schema:
    schema: Schema = model.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for rule in schema["properties"].values():
        rule.pop("title", None)
    return schema


def _describe_mapping(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
