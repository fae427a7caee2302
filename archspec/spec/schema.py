"""Builds the JSON Schema of the language, for completion and checks in editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from archspec.ir.shape import AXES
from archspec.ops import OPS
from archspec.ops.base import Op
from archspec.passes.registry import BY_WORD
from archspec.spec.document import DocumentKeys, Expect
from archspec.spec.symbols import NETWORK, REUSE, SEQUENTIAL, TYPES

Schema = dict[str, Any]

_LAYER = {"$ref": "#/$defs/layer"}
_LAYERS = {"$ref": "#/$defs/layers"}
_EXPRESSION = {"$ref": "#/$defs/expression"}
_WORD = {"$ref": "#/$defs/word"}
_NAMES = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}
_NUMERIC = ("integer", "number")


def build_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a spec, made from the ops, the passes and the document."""
    shared: Schema = {}
    ops = {op.word: _op_schema(op, shared) for op in OPS}
    keys = DocumentKeys.model_fields
    properties = {
        name: {**rule, "description": keys[name].description} for name, rule in _document_properties(shared).items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archspec",
        "description": "A network as data: stages and blocks of layers.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": ["name"],
        "anyOf": [{"required": ["extends"]}, {"required": ["stages", "input"]}, {"required": ["stages", "inputs"]}],
        "$defs": {**_grammar_definitions(ops), **shared},
    }


def _document_properties(shared: Schema) -> dict[str, Schema]:
    size = _number_schema({"type": "integer", "minimum": 1})
    by_name = {"type": "object", "properties": dict.fromkeys(AXES, size), "additionalProperties": False}
    sizes = {"anyOf": [{"type": "array", "items": size, "minItems": 1}, {**by_name, "minProperties": 1}]}
    stage_list: Schema = {"type": "array", "items": _LAYER, "minItems": 1}
    layer_or_none = {"anyOf": [_LAYER, {"type": "null"}]}
    defaults = {op.word: _field_schema(op, shared) for op in OPS if op.model_fields}
    return {
        "name": {"type": "string", "minLength": 1},
        "source": {"type": "string"},
        "extends": {"type": "string"},
        "input": sizes,
        "inputs": {"type": "object", "additionalProperties": sizes, "minProperties": 1},
        "args": {"$ref": "#/$defs/args"},
        "defaults": {"type": "object", "properties": defaults, "additionalProperties": False},
        "blocks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/block"}},
        "stages": {
            "anyOf": [{"type": "object", "additionalProperties": layer_or_none, "minProperties": 1}, stage_list]
        },
        "output": _WORD,
        "outputs": {"type": "array", "items": _WORD, "minItems": 1},
        "passes": {"type": "array", "items": {"anyOf": _pass_schemas(shared)}},
        "expect": _model_schema(Expect, shared),
    }


def _grammar_definitions(ops: Mapping[str, Schema]) -> dict[str, Schema]:
    """The recursive definitions of the language."""
    arithmetic = (
        "exact arithmetic of arguments and sizes of the current value: + - * / // % ** ( ), min, max, round, at"
    )
    word, items = {"type": "string", "minLength": 1}, {"type": "array", "items": _LAYER}
    numbers = {"type": "array", "items": {"type": "number"}}
    value = {"anyOf": [{"enum": list(TYPES)}, {"type": ["number", "boolean", "string"]}, numbers, _LAYER]}
    return {
        "word": {"type": ["string", "integer"], "description": "a name"},
        "expression": {"type": "string", "description": arithmetic, "minLength": 1},
        "layer": {"anyOf": [word, items, _use_schema(ops)]},
        "layers": {"anyOf": [word, items, {"type": "object", "additionalProperties": _LAYER}]},
        "block": {"anyOf": [_block_schema(), _LAYER]},
        "args": {"type": "object", "additionalProperties": value},
    }


def _use_schema(ops: Mapping[str, Schema]) -> Schema:
    """A word with its arguments and modifiers."""
    modifiers: dict[str, Schema] = {
        "from": {**_NAMES, "description": "the named value, or values, that the layer is applied to"},
        "as": {**_NAMES, "description": "the name, or names, of what comes out"},
        "with": {"type": "object", "description": "the own arguments of a join"},
        "after": {**_WORD, "description": "the stage behind which this one is put, in a spec that extends another"},
    }
    words = {
        **ops,
        **_loop_schemas(),
        REUSE: {**_WORD, "description": "the named layer that is applied again, with the same weights"},
        NETWORK: {"anyOf": [_WORD, _network_schema()]},
        "layers": {**_LAYERS, "description": "layers in order, or named"},
        SEQUENTIAL: {**_LAYERS, "description": "layers that are a scope with the next number"},
    }
    return {
        "type": "object",
        "properties": {**words, **modifiers},
        "propertyNames": {"not": {"enum": ["args", "inputs", "outputs"]}},
        "minProperties": 1,
        "maxProperties": 1 + len(modifiers),
    }


def _network_schema() -> Schema:
    return {
        "type": "object",
        "description": "a whole network as a layer",
        "properties": {
            "spec": {"anyOf": [_WORD, {"type": "object"}], "description": "a bundled spec, a path, or a document"},
            "args": {"type": "object", "description": "values of its arguments"},
            "outputs": {**_NAMES, "description": "the stages that it returns"},
        },
        "required": ["spec"],
        "additionalProperties": False,
    }


def _block_schema() -> Schema:
    words = {"type": "array", "items": _WORD, "minItems": 1}
    return {
        "type": "object",
        "properties": {
            "args": {"$ref": "#/$defs/args"},
            "inputs": {**words, "description": "names for the values of the bundle that it takes"},
            "layers": _LAYERS,
            "outputs": {**words, "description": "the named values that it returns"},
        },
        "required": ["layers"],
        "additionalProperties": False,
    }


def _loop_schemas() -> dict[str, Schema]:
    count = _number_schema({"type": "integer", "minimum": 0})
    fields: dict[str, Schema] = {
        "times": {**count, "description": "how many turns"},
        "layers": {**_LAYERS, "description": "the layers of a turn"},
        "index": {"type": "string", "description": "a name for the number of the turn"},
        "start": {**_number_schema({"type": "integer"}), "default": 1, "description": "the number of the first turn"},
        "name": {"type": "string", "description": "turns are called by this name and their number"},
        "share": {"type": "boolean", "default": False, "description": "whether all turns have the same weights"},
        "core": {**_LAYER, "description": "what stands for 'core' at the bottom"},
    }
    own = {
        "repeat": ("in series", ("times", "layers"), ("index", "start", "name", "share")),
        "copies": ("side by side, inside a join", ("times", "layers"), ("index", "start", "name")),
        "nest": (
            "inside itself: the word core is the level below",
            ("times", "core", "layers"),
            ("index", "start", "name"),
        ),
        "each": ("on every value of a bundle by itself", ("layers",), ("index", "start", "name", "share")),
    }
    return {
        word: {
            "type": "object",
            "description": text,
            "properties": {name: fields[name] for name in (*needed, *further)},
            "required": list(needed),
            "additionalProperties": False,
        }
        for word, (text, needed, further) in own.items()
    }


def _op_schema(op: type[Op], shared: Schema) -> Schema:
    """The value of an op's word: its fields by name, its first field alone, or for a join its branches."""
    described = {"description": (op.__doc__ or op.word).splitlines()[0]}
    if op.join:
        branches = {"type": "array", "items": _LAYER, "minItems": 1}
        return {
            **described,
            "anyOf": [
                branches,
                {"type": "object", "additionalProperties": _LAYER, "minProperties": 1},
                {"type": "string"},
            ],
        }
    fields = _field_schema(op, shared)
    if op.first is None:
        return {**described, **fields}
    return {**described, "anyOf": [fields, fields["properties"][op.first]]}


def _field_schema(op: type[Op], shared: Schema) -> Schema:
    """The fields of an op by name; none is required, because `defaults` may give it."""
    rules = _model_schema(op, shared)
    rules.pop("required", None)
    rules.pop("title", None)
    rules.pop("description", None)
    return rules


def _pass_schemas(shared: Schema) -> list[Schema]:
    words: Schema = {"enum": list(BY_WORD)}
    uses = [
        {
            "type": "object",
            "properties": {word: _model_schema(chosen.arguments, shared)},
            "required": [word],
            "additionalProperties": False,
        }
        for word, chosen in BY_WORD.items()
    ]
    return [words, *uses]


def _model_schema(model: type[BaseModel], shared: Schema) -> Schema:
    """The schema of a pydantic model, in which numbers may also be arithmetic, and options names."""
    rules = model.model_json_schema(ref_template="#/$defs/{model}")
    for name, rule in rules.pop("$defs", {}).items():
        shared[name] = _allow_expressions(rule)
    rules.setdefault("properties", {})
    rules["additionalProperties"] = False
    opened: Schema = _allow_expressions(rules)
    return opened


def _allow_expressions(rule: Any) -> Any:
    if isinstance(rule, list):
        return [_allow_expressions(part) for part in rule]
    if not isinstance(rule, dict):
        return rule
    annotations = {name: value for name, value in rule.items() if name in ("title", "description", "default")}
    bare = {name: value for name, value in rule.items() if name not in annotations}
    if bare.get("type") in _NUMERIC:
        return {**annotations, **_number_schema(bare)}
    if bare.get("type") == "boolean" or "enum" in bare or "const" in bare:
        return {**annotations, "anyOf": [bare, _EXPRESSION]}
    opened = {
        name: {key: _allow_expressions(property_rule) for key, property_rule in value.items()}
        if name == "properties"
        else _allow_expressions(value)
        for name, value in bare.items()
    }
    return {**{name: value for name, value in annotations.items() if name != "title"}, **opened}


def _number_schema(rule: Schema) -> Schema:
    return {"anyOf": [rule, _EXPRESSION]}
