"""Broken specs: valid ones with a few parts dropped, doubled, swapped or replaced, as data or as bytes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from archspec.ops import OPS, find_options
from archspec.spec.yaml_writer import write_yaml
from tests.grammar.documents import document

ROOT = Path(__file__).parents[2]
WORDS = [
    *(op.word for op in OPS),
    *sorted({option for op in OPS for option in find_options(op)}),
    *(
        "repeat",
        "copies",
        "nest",
        "each",
        "layers",
        "core",
        "input",
        "channels",
        "from",
        "with",
        "as",
        "after",
        "times",
    ),
    *(
        "index",
        "start",
        "name",
        "share",
        "int",
        "float",
        "bool",
        "layer",
        "args",
        "inputs",
        "outputs",
        "blocks",
        "stages",
    ),
    *("null", "true", "no", "~", "x", "y", "unit", "stem", "out", "kernel", "1 / 3", "channels / 2", "2 * x", "x - 1"),
    *("0", "1", "2", "8", "-1", "1e-5", "1e9", "9" * 500, "9" * 400 + ".5", "0.5", ".inf", "0x10", "010", "1e999999"),
    *("class", "é", "", "a.b", "1 / 0", "(", "a" * 300, "\u202e", "\x1b[2J"),
]
BYTES = [
    *(
        b": ",
        b"- ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"#",
        b"\t",
        b'"',
        b"'",
        b"\n",
        b"&a ",
        b"*a",
        b"!x ",
        b"|",
        b"%",
        b"@",
        b",",
    ),
    *(b"? ", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\r", b"\x85", b"\x00", b"\xff", b"<<: ", b"---\n", b"..."),
]
Way = tuple[Any, ...]


def broken(seed: int) -> str:
    """The text of a seed: a mutated spec, which may still be valid."""
    rng = Random(f"broken {seed}")
    data = rng.choice(bundled()) if rng.random() < 0.3 else document(rng.randrange(10**6)).tree
    if rng.random() < 0.4:
        return _bytes(rng, write_yaml(data))
    for _ in range(rng.randint(1, 4)):
        data = _changed(data, _way(rng, data), _change(rng, _part(data, _way(rng, data))))
    return write_yaml(data)


@cache
def bundled() -> tuple[Any, ...]:
    """The bundled specs and those of `tests/errors` as data, without large ones."""
    files = [*sorted((ROOT / "specs").glob("*.yaml")), *sorted((ROOT / "tests" / "errors").glob("*.yaml"))]
    specs = []
    for file in files:
        try:
            data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 -- it makes strings only
        except yaml.YAMLError:
            continue
        if isinstance(data, dict) and len(str(data)) < 5000:
            specs.append(_unquoted(data))
    assert len(specs) > 50
    return tuple(specs)


def _unquoted(data: Any) -> Any:
    """The data with numbers and booleans converted, so that they are written unquoted."""
    if isinstance(data, dict):
        return {name: _unquoted(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_unquoted(value) for value in data]
    return int(data) if data.isdigit() and len(data) < 20 else {"true": True, "false": False}.get(data, data)


def _bytes(rng: Random, text: str) -> str:
    data = text.encode()
    for _ in range(rng.randint(1, 5)):
        start = rng.randint(0, len(data))
        new = rng.choice(BYTES) if rng.random() < 0.7 else rng.randbytes(rng.randint(0, 4))
        data = data[:start] + new + data[start + rng.randint(0, 6) :]
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _way(rng: Random, data: Any) -> Way:
    """The path to a random part of a tree."""
    return rng.choice(_ways(data, ()))


def _ways(data: Any, way: Way) -> list[Way]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way, *(place for key, value in inner for place in _ways(value, (*way, key)))]


def _part(data: Any, way: Way) -> Any:
    for step in way:
        data = data[step]
    return data


def _changed(data: Any, way: Way, change: Any) -> Any:
    """The tree with the part at `way` replaced by `change(part)`."""
    if not way:
        return change(data)
    head, rest = way[0], way[1:]
    if isinstance(data, dict):
        return {key: _changed(value, rest, change) if key == head else value for key, value in data.items()}
    return [_changed(value, rest, change) if number == head else value for number, value in enumerate(data)]


def _change(rng: Random, donor: Any) -> Any:
    word, number = rng.choice(WORDS), rng.randint(-2, 70)
    kind = rng.choice(["word", "donor", "drop", "double", "wrap", "name", "number", "key"])

    def change(old: Any) -> Any:
        match kind:
            case "word":
                return word
            case "donor":
                return donor
            case "number":
                return number
            case "drop":
                return (
                    old[1:] if isinstance(old, list) else dict(list(old.items())[1:]) if isinstance(old, dict) else None
                )
            case "double":
                return [*old, *old[:1]] if isinstance(old, list) else [old, old]
            case "wrap":
                return {word: old}
            case "name":
                return [old, {"as": word, "relu": {}}]
        return {**old, word: donor} if isinstance(old, dict) else {word: donor}

    return change
