"""Writes docs/ops.md, the reference of ops and passes, from their classes: `python docs/reference.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from archspec.ir.shape import AXES
from archspec.ops import OPS
from archspec.ops.base import Op
from archspec.ops.initial import MAX_REAL, Init
from archspec.passes.registry import BY_WORD
from archspec.spec.idle_arguments import INIT_FIELDS

PAGE = Path(__file__).parent / "ops.md"

_HEAD = """# Ops and passes

This page is made from the classes in `archspec/ops` and `archspec/passes` by `python docs/reference.py`. The argument in bold is
the first one, which a bare value sets: `conv: 64`. Sizes never count the batch. Numbers lie between -1e38 and 1e38, as 32 bits hold
them.
"""


def page() -> str:
    parts = [_HEAD, *(_op(op) for op in OPS), _initialisations(), "## Passes\n", *(_pass(word) for word in BY_WORD)]
    return "\n".join(parts)


def _op(op: type[Op]) -> str:
    lines = [f"### `{op.word}`\n", (op.__doc__ or "").splitlines()[0], ""]
    if op.join:
        lines += [
            "A join: its argument is a list or mapping of branches"
            + ("; its own arguments stand in `with`." if op.model_fields else "."),
            "",
        ]
    return "\n".join(lines + list(_table(op.model_json_schema(), op.first)))


def _initialisations() -> str:
    """The kinds of initialisation with the fields that they use."""
    fields = Init.model_fields
    lines = [
        "## Initialisations\n",
        "What `init` and `bias_init` take: a number, which is the value of all elements, or a mapping such as",
        "`{kind: kaiming_normal, mode: fan_out}`. Each kind is that of torch.nn.init and reads its own fields.\n",
        "| kind | fields, with their defaults |\n|---|---|",
    ]
    for kind, names in INIT_FIELDS.items():
        shown = [
            f"`{name}: {fields[name].default}`" if fields[name].default is not None else f"`{name}`"
            for name in fields
            if name in names
        ]
        lines.append(f"| `{kind}` | {', '.join(shown)} |")
    return "\n".join([*lines, ""])


def _pass(word: str) -> str:
    text = (BY_WORD[word].__doc__ or "").splitlines()[0]
    return "\n".join([f"### `{word}`\n", text, "", *_table(BY_WORD[word].arguments.model_json_schema(), None)])


def _table(schema: dict[str, Any], first: str | None) -> Iterable[str]:
    fields = schema.get("properties", {})
    if not fields:
        return
    yield "| argument | values | default | |\n|---|---|---|---|"
    for name, rule in fields.items():
        shown = f"**`{name}`**" if name == first else f"`{name}`"
        default = f"`{json.dumps(rule['default']).strip(chr(34))}`" if rule.get("default") is not None else ""
        default = "required" if name in schema.get("required", ()) else default
        yield f"| {shown} | {_values(rule)} | {default} | {rule.get('description', '')} |"
    yield ""


def _values(rule: dict[str, Any]) -> str:
    if "anyOf" in rule:
        kinds = dict.fromkeys(_values(one) for one in rule["anyOf"] if one.get("type") != "null")
        return ", ".join(kinds)
    if tuple(rule.get("enum", ())) == AXES:
        return "name of an axis"
    if "enum" in rule:
        return ", ".join(f"`{one}`" for one in rule["enum"])
    if "const" in rule:
        return f"`{rule['const']}`"
    if "$ref" in rule:
        return "initialisation" if rule["$ref"].endswith("Init") else "mapping"
    low = (
        f" ≥ {rule['minimum']}"
        if rule.get("minimum", -MAX_REAL) > -MAX_REAL
        else f" > {rule['exclusiveMinimum']}"
        if "exclusiveMinimum" in rule
        else ""
    )
    names = {
        "integer": "int",
        "number": "float",
        "boolean": "bool",
        "array": "list",
        "string": "word",
        "object": "mapping",
    }
    return names[rule["type"]] + low


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
