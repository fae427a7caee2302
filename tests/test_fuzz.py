"""Whatever is done to a spec, it loads, or says where it is wrong: never anything else.

ARCHSPEC_FUZZ is the number of cases of each kind.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archspec
from archspec.diagnostics import Source
from archspec.language.limits import Limits
from archspec.language.plain import written
from archspec.ops import OPS, options

CASES = int(os.environ.get("ARCHSPEC_FUZZ", "100"))
LIMITS = Limits(nodes=2000, layers=20_000, nesting=100)
ROOT = Path(__file__).parent.parent
FEW = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=CASES <= 100)

WORDS = [
    *(op.word for op in OPS),
    *sorted({option for op in OPS for option in options(op)}),
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
    *(
        "null",
        "true",
        "no",
        "~",
        "x",
        "y",
        "unit",
        "stem",
        "out",
        "kernel",
        "1 / 3",
        "channels / 2",
        "2 * x",
        "x - 1",
        "-1",
    ),
    *(
        "0",
        "1",
        "2",
        "8",
        "1e-5",
        "1e9",
        "9" * 500,
        "9" * 400 + ".5",
        "0.5",
        ".inf",
        "0x10",
        "010",
        "class",
        "é",
        "",
        "a.b",
    ),
]
SIZES = st.sampled_from(
    [0, 1, 2, 3, 4, 8, -1, 0.5, True, None, "channels", "channels / 2", "n", "n * n", "i", "same", "x"]
)


def holds(text: str) -> None:
    """The spec loads, or is refused with diagnostics that each have a place in its text."""
    source = Source("fuzz.yaml", text)
    try:
        architecture = archspec.load(source, limits=LIMITS)
    except archspec.SpecError as error:
        found = error.diagnostics
    else:
        runs(architecture)
        return
    assert found
    for diagnostic in found:
        shows(diagnostic)


def runs(architecture: archspec.Architecture) -> None:
    """Each node can be lowered and counted."""
    for node in architecture.network.ops:
        assert node.outputs
        node.op.lower(*node.input_shapes)
        assert node.macs >= 0


def shows(diagnostic: archspec.Diagnostic) -> None:
    text = str(diagnostic)
    assert all(line.isprintable() for line in text.splitlines())
    assert diagnostic.message
    for span in (diagnostic.span, *(note.span for note in diagnostic.notes)):
        lines = span.source.lines
        assert 1 <= span.line <= max(1, len(lines) + 1)
        assert 1 <= span.column <= len(span.source.line(span.line)) + 1
    diagnostic.as_dict()


@cache
def seeds() -> tuple[Any, ...]:
    """The bundled specs and those of the mistakes, as data; what they extend is left out."""
    files = [*sorted((ROOT / "specs").glob("*.yaml")), *sorted((ROOT / "tests" / "errors").glob("*.yaml"))]
    found = []
    for file in files:
        try:
            data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 -- it makes strings only
        except yaml.YAMLError:
            continue
        if isinstance(data, dict) and len(str(data)) < 5000:
            found.append(_unquoted(data))
    assert len(found) > 50
    return tuple(found)


def _unquoted(data: Any) -> Any:
    """The data with numbers and truth values as such, so that they are written as they were."""
    if isinstance(data, dict):
        return {name: _unquoted(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_unquoted(value) for value in data]
    return int(data) if data.isdigit() and len(data) < 20 else {"true": True, "false": False}.get(data, data)


def places(data: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all parts of a tree."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way, *(place for key, value in inner for place in places(value, (*way, key)))]


def part(data: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        data = data[step]
    return data


def changed(data: Any, way: tuple[Any, ...], change: Any) -> Any:
    """The tree with the part at `way` replaced by `change(part)`; (key, value) pairs in place of a mapping's entry."""
    if not way:
        return change(data)
    head, rest = way[0], way[1:]
    if isinstance(data, dict):
        return {key: changed(value, rest, change) if key == head else value for key, value in data.items()}
    return [changed(value, rest, change) if at == head else value for at, value in enumerate(data)]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A spec with a few parts dropped, doubled, swapped or replaced."""
    data = draw(st.sampled_from(seeds()))
    for _ in range(draw(st.integers(1, 4))):
        ways = places(data)
        way, other = draw(st.sampled_from(ways)), draw(st.sampled_from(ways))
        donor = part(data, other)
        kind = draw(st.sampled_from(["word", "donor", "drop", "double", "wrap", "name", "number", "key"]))
        data = changed(data, way, _changes(kind, donor, draw))
        if not isinstance(data, dict):
            break
    return written(data)


def _changes(kind: str, donor: Any, draw: st.DrawFn) -> Any:
    word = draw(st.sampled_from(WORDS))

    def change(old: Any) -> Any:
        match kind:
            case "word":
                return word
            case "donor":
                return donor
            case "number":
                return draw(st.integers(-2, 70))
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


@FEW
@given(mutated())
def test_a_mutated_tree(text: str) -> None:
    holds(text)


@FEW
@given(st.data())
def test_mutated_bytes(data: st.DataObject) -> None:
    text = written(data.draw(st.sampled_from(seeds()))).encode()
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text)))
        upto = at + data.draw(st.integers(0, 6))
        new = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from([b": ", b"- ", b"{", b"}", b"[", b"]", b"#", b"\t", b'"', b"'", b"\n", b"&a ", b"*a", b"!x ", b"|", b"%", b"@", b",", b"? ", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\r", b"\x85"])))  # fmt: skip
        text = text[:at] + new + text[upto:]
    try:
        source = text.decode()
    except UnicodeDecodeError:
        source = text.decode("latin-1")
    holds(source)


def layer_trees() -> st.SearchStrategy[Any]:
    """Layers of the grammar, with random ops and arguments: right as often as not."""
    plain = st.sampled_from(
        ["relu", "batchnorm", "identity", "globalpool", "flatten", "x", "core", "input", "wide", "pair", "shortcut"]
    )
    named = st.sampled_from([op for op in OPS if not op.join])
    ops = st.one_of(
        named.flatmap(lambda op: SIZES.map(lambda value: {op.word: value})),
        named.flatmap(lambda op: st.dictionaries(st.sampled_from(list(op.model_fields) or ["none"]), SIZES, max_size=3).map(lambda fields: {op.word: fields})),
        SIZES.map(lambda out: {"conv": out}),
        st.builds(lambda out, kernel: {"conv": {"out": out, "kernel": kernel, "padding": "same"}}, st.integers(1, 8), st.sampled_from([1, 3])),
        st.lists(st.integers(1, 4), min_size=1, max_size=3).map(lambda sizes: {"split": sizes}),
    )  # fmt: skip
    return st.recursive(st.one_of(plain, ops), _grown, max_leaves=12)


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=3)
    names = st.sampled_from(["a", "b", "x", "y", "relu"])
    joins = st.sampled_from(["add", "concat", "mean", "max", "multiply", "bundle"])
    times = st.sampled_from([0, 1, 2, 3, "n", "channels"])
    return st.one_of(
        lists,
        st.builds(lambda word, branches: {word: branches}, joins, lists),
        st.builds(lambda word, branches: {word: branches}, joins, st.dictionaries(names, inner, max_size=3)),
        st.dictionaries(names, inner, max_size=3).map(lambda layers: {"layers": layers}),
        st.builds(lambda layer, name: {**layer, "as": name} if isinstance(layer, dict) and layer else layer, inner, names),
        st.builds(lambda layer, name: {**layer, "as": [name, "z"]} if isinstance(layer, dict) and layer else layer, inner, names),
        st.builds(lambda layer, name: {**layer, "from": name} if isinstance(layer, dict) and layer else layer, inner, names),
        st.builds(lambda n, body, share: {"repeat": {"times": n, "layers": body, "share": share}}, times, lists, st.booleans()),
        st.builds(lambda n, body: {"repeat": {"times": n, "index": "i", "name": "turn", "start": "n", "layers": body}}, times, lists),
        st.builds(lambda n, body, core: {"nest": {"times": n, "layers": [*body, "core"], "core": core}}, times, lists, inner),
        st.builds(lambda n, body: {"concat": [{"copies": {"times": n, "layers": body}}]}, times, lists),
        lists.map(lambda body: {"each": {"layers": body}}),
        st.builds(lambda n, layer: {"wide": {"n": n, "shortcut": layer}}, SIZES, inner),
    )  # fmt: skip


LAYERS = layer_trees()


@st.composite
def networks(draw: st.DrawFn) -> str:
    tree = LAYERS
    blocks = {
        "wide": {"args": {"n": "int", "shortcut": draw(tree)}, "layers": draw(st.lists(tree, min_size=1, max_size=3))},
        "pair": {"inputs": ["a", "b"], "layers": [draw(tree)], "outputs": draw(st.sampled_from([["a"], ["a", "b"], ["input"]]))},
    }  # fmt: skip
    stages = draw(st.dictionaries(st.sampled_from(["s", "x", "t", "u"]), tree, min_size=1, max_size=3))
    spec: dict[str, Any] = {"name": "fuzz", "input": draw(st.sampled_from([[4, 8, 8], [8], [6, 4], [2, 3, 4, 5]]))}
    return written({**spec, "args": {"n": 2, "shortcut": ["identity"]}, "blocks": blocks, "stages": stages})


@FEW
@given(networks())
def test_a_random_network(text: str) -> None:
    holds(text)


def test_some_random_networks_load() -> None:
    """The grammar of the test above is not all mistakes."""
    loaded = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(networks())
    def draws(text: str) -> None:
        try:
            archspec.load(Source("fuzz.yaml", text), limits=LIMITS)
        except archspec.SpecError:
            return
        loaded.append(text)

    draws()
    assert loaded
