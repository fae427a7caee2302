"""Lays out the plain data of a spec as YAML: what fits into a line is one line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from textwrap import wrap
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
    if isinstance(value, list) and all(type(own) in (int, float) for own in value):
        yield from _write_numbers(value, indent + "  ")
        return
    plain = isinstance(value, dict) and not any(isinstance(own, dict | list) for own in value.values())
    if plain and len(indent) + 2 + len(flow) < WIDTH:
        yield f"{indent}  {flow}"
        return
    yield from _write_block(value, indent + "  ")


def _write_numbers(value: list[Any], indent: str) -> Iterator[str]:
    """Numbers in as few lines as they fit in.

    >>> [len(line) for line in _write_numbers([0.125] * 30, "  ")]
    [114, 100]
    """
    text = f"[{', '.join(map(_write_element, value))}]"
    yield from wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent} ",
        break_on_hyphens=False,
        break_long_words=False,
    )


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
    """A value in one line."""
    return _write_part(value) if isinstance(value, dict | list) else _write_scalar(value, nested=False)


def _write_part(value: Any) -> str:
    """A value in one line inside others; a mapping of one key in a list has no braces."""
    if isinstance(value, dict) and value:
        return f"{{{', '.join(f'{_write_part(key)}: {_write_part(own)}' for key, own in value.items())}}}"
    if isinstance(value, list) and value:
        return f"[{', '.join(map(_write_element, value))}]"
    return _dump(value, unicode=True) if isinstance(value, dict | list) else _write_scalar(value, nested=True)


def _write_element(value: Any) -> str:
    text = _write_part(value)
    return text[1:-1] if isinstance(value, dict) and len(value) == 1 else text


@lru_cache(maxsize=4096, typed=True)
def _write_scalar(value: Any, *, nested: bool) -> str:
    """A word or a number; inside of others, commas and brackets are quoted."""
    if isinstance(value, float) and "e" in repr(value):
        digits, _, power = repr(value).partition("e")
        return f"{digits}e{int(power)}"
    text = _dump([value] if nested else value, unicode=True)
    text = text if is_printable(text) else _dump([value] if nested else value, unicode=False)
    return text[1:-1] if nested else text


def _dump(value: Any, *, unicode: bool) -> str:
    text: str = yaml.dump(
        value, Dumper=SpecDumper, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=unicode
    )
    return text.removesuffix("\n").removesuffix("\n...")
