"""Finds the bundled network that a file's weights belong to."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from math import prod

from archspec.codegen.fx.weight_files.fit import Shape
from archspec.codegen.fx.weight_files.matching import find_shared_prefix, is_counter, strip_ones
from archspec.spec.compiler import compile_source
from archspec.spec.limits import DEFAULT
from archspec.spec.source_lookup import locate_source
from archspec.spec.zoo import load_zoo

_MOST = 8
"""The most networks that are compiled for comparison."""
_STATISTICS = ("running_mean", "running_var")


def find_sibling(shapes: Mapping[str, Shape], name: str) -> str | None:
    """The bundled network with tensors of these names and shapes, except for its head, or None.

    Candidates are those with as many parameters, and those with a name like `name`.
    """
    wanted = [_without_counters(shapes), _without_counters(_strip_prefix(shapes))]
    for candidate in _iter_candidates(shapes, name):
        have = _without_counters(_find_shapes(candidate))
        if any(_agree(have, names) for names in wanted):
            return candidate
    return None


def _iter_candidates(shapes: Mapping[str, Shape], name: str) -> Iterator[str]:
    params = sum(
        prod(shape)
        for key, shape in shapes.items()
        if key.rpartition(".")[2] not in _STATISTICS and not is_counter(key)
    )
    entries = load_zoo()
    same = [entry.name for entry in entries if entry.params == params]
    like = difflib.get_close_matches(
        name, [entry.name for entry in entries if entry.name not in same], n=_MOST, cutoff=0.6
    )
    yield from (candidate for candidate in (*same[:_MOST], *like) if candidate != name)


def _find_shapes(name: str) -> dict[str, Shape]:
    """The shapes of a bundled network's tensors by their names."""
    _, graph, *_ = compile_source(*locate_source(name, DEFAULT), DEFAULT, {})
    return graph.weight_shapes


def _agree(have: Mapping[str, Shape], got: Mapping[str, Shape]) -> bool:
    """Whether names and shapes are equal, except for the first axis of the last layer."""
    if have.keys() != got.keys():
        return False
    head = next(reversed(list(have)), "").rpartition(".")[0]
    return all(
        strip_ones(have[key]) == strip_ones(got[key]) or (key.startswith(f"{head}.") and have[key][1:] == got[key][1:])
        for key in have
    )


def _without_counters(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    return {key: shape for key, shape in shapes.items() if not is_counter(key)}


def _strip_prefix(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    prefix = find_shared_prefix(shapes)
    return {key.removeprefix(prefix): shape for key, shape in shapes.items()}
