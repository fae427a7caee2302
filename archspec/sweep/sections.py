"""Points that replace whole blocks or stages of their base, besides its arguments: the axes `blocks.NAME` and `stages.NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspec.api import load_overridden
from archspec.architecture import Architecture
from archspec.errors import Collector
from archspec.spans import Source
from archspec.spec import bundled
from archspec.spec.budget import Budget
from archspec.spec.extends import SpecLoader
from archspec.spec.flatten import flatten_document
from archspec.spec.limits import DEFAULT
from archspec.spec.source_lookup import Spec, locate_source
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import to_plain_data
from archspec.suggestions import did_you_mean

SECTIONS = ("blocks", "stages")


def split_point(point: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of a point, and its blocks and stages.

    >>> split_point({"n": 3, "stages.pool": "maxpool"})
    ({'n': 3}, {'stages.pool': 'maxpool'})
    """
    arguments = {name: value for name, value in point.items() if "." not in name}
    return arguments, {name: value for name, value in point.items() if "." in name}


def load_point(spec: Spec, point: Mapping[str, Any]) -> Architecture:
    """The network of a point. Raises `SpecError`.

    >>> load_point("resnet18", {"classes": 10, "stages.avgpool": {"globalpool": "max"}}).output_shapes
    {'output': (10,)}
    """
    arguments, parts = split_point(point)
    return load_overridden(replace_parts(flatten_spec(spec), parts) if parts else spec, arguments)


def flatten_spec(spec: Spec) -> str:
    """The text of a spec with those that it extends. Raises `SpecError`."""
    source, path = locate_source(spec, DEFAULT)
    loader = SpecLoader(
        path.parent if path is not None else None, bundled.find_bundled_spec, bundled.list_bundled_names, DEFAULT
    )
    with Budget(DEFAULT).running():
        document = loader.load(source, path)
    loader.errors.raise_if_any()
    assert document is not None
    return flatten_document(document)


def replace_parts(text: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """A flat document with other blocks and stages; None leaves a stage out.

    Raises:
        SpecError: the document has no such block or stage.

    >>> replace_parts("{name: n, input: [4], stages: {a: relu, b: {linear: 2}}}", {"stages.a": None})["stages"]
    {'b': {'linear': 2}}
    """
    tree, errors = read_tree(Source("<base>", text)), Collector()
    document = to_plain_data(tree)
    for name, value in parts.items():
        section, _, key = name.partition(".")
        known = document.get(section, {})
        if key not in known:
            advice = did_you_mean(key, known) or f"there is {', '.join(known) or 'none'}"
            errors.report(f"the base has no {section.removesuffix('s')} {key!r}", tree.span, help=advice)
        elif value is None:
            del known[key]
        else:
            known[key] = value
    errors.raise_if_any()
    document.pop("expect", None)
    return document  # type: ignore[no-any-return]


def describe_point(reference: str, name: str, point: Mapping[str, Any]) -> dict[str, Any]:
    """A document of a few lines that extends the base of a point."""
    arguments, parts = split_point(point)
    document: dict[str, Any] = {"extends": reference, "name": name, **({"args": arguments} if arguments else {})}
    for part, value in parts.items():
        section, _, key = part.partition(".")
        document.setdefault(section, {})[key] = value
    return document


def find_file(spec: Spec) -> Path | None:
    """The file of a spec, if it has one."""
    return locate_source(spec, DEFAULT)[1]
