"""Lays out the plain data of a spec as YAML: what fits into a line is one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from archspec.printable import is_printable
from archspec.spec.yaml_writer import SpecDumper

WIDTH = 120
_OPEN = frozenset(("defaults", "blocks", "stages"))
"""The keys of a document whose entries have lines of their own."""


def write_spec(document: dict[str, Any]) -> str:
    r"""The text of a document.

    >>> write_spec({"name": "a", "input": [3, 8, 8], "stages": {"conv": {"conv": {"out": 8, "kernel": 3}}}})
    'name: a\ninput: [3, 8, 8]\n\nstages:\n  conv: {conv: {out: 8, kernel: 3}}\n'
    """
    return "\n".join(_iter_document(document)) + "\n"


def _iter_document(document: dict[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        if key not in _OPEN:
            yield from _write_entry(key, value, "")
            continue
        if key != "defaults":
            yield ""
        yield f"{key}:"
        for name, entry in value.items():
            yield from _write_entry(name, entry, "  ")


def _write_entry(key: str, value: Any, indent: str) -> Iterator[str]:
    head = f"{indent}{_write_flow(key)}:"
    flow = _write_flow(value)
    if len(head) + len(flow) < WIDTH or not isinstance(value, dict | list) or not value:
        yield f"{head} {flow}"
        return
    yield head
    plain = isinstance(value, dict) and not any(isinstance(own, dict | list) for own in value.values())
    if plain and len(indent) + 2 + len(flow) < WIDTH:
        yield f"{indent}  {flow}"
        return
    yield from _write_block(value, indent + "  ")


def _write_block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _write_entry(key, inner, indent)
        return
    for item in value:
        yield from _write_item(item, indent)


def _write_item(item: Any, indent: str) -> Iterator[str]:
    flow = _write_flow(item)
    if isinstance(item, dict) and len(item) == 1 and len(indent) + len(flow) < WIDTH:
        flow = flow[1:-1]
    if len(indent) + len(flow) < WIDTH or not isinstance(item, dict | list):
        yield f"{indent}- {flow}"
        return
    first, *rest = _write_block(item, indent + "  ")
    yield f"{indent}- {first.lstrip()}"
    yield from rest


def _write_flow(value: Any) -> str:
    text = _dump(value, unicode=True)
    return text if is_printable(text) else _dump(value, unicode=False)


def _dump(value: Any, *, unicode: bool) -> str:
    text: str = yaml.dump(
        value, Dumper=SpecDumper, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=unicode
    )
    return text.removesuffix("\n").removesuffix("\n...")
