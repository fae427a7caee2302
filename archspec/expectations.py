"""Compares the `expect` of a spec with its network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archspec.errors import Diagnostic
from archspec.meter import find_meter
from archspec.network import Network
from archspec.numerals import format_number
from archspec.spec.yaml_tree import Tree, to_plain_data

_COUNTED = 5  # units of work for each node of a network with expectations
_DIGITS = 300  # digits up to which a number is written exactly in a message, so that it can be copied into a spec


def check_expectations(network: Network, expected: Mapping[str, Tree]) -> Iterator[Diagnostic]:
    """Yields a diagnostic for each expectation that the network does not meet."""
    for name, tree in expected.items():
        value = to_plain_data(tree)
        if value is None:
            continue
        find_meter().charge("counting", _COUNTED * len(network.graph.nodes), tree.span)
        got = _find_output(network, value) if name == "output" else _count(network, name)
        if got != value:
            message, help = (
                _compare_outputs(value, got) if name == "output" else (_compare_counts(name, value, got), None)
            )
            yield Diagnostic(message, tree.span, help=help)


def _find_output(network: Network, expected: Any) -> Any:
    """The shapes of the outputs as lists; for a single output its shape alone, unless a list of lists is expected."""
    shapes = [list(sizes) for sizes in network.output_shapes.values()]
    nested = bool(expected) and isinstance(expected[0], list)
    return shapes if nested or len(shapes) != 1 else shapes[0]


def _count(network: Network, name: str) -> int:
    return int(network.paths().total if name == "paths" else getattr(network, name))


def _compare_outputs(expected: Any, got: Any) -> tuple[str, str | None]:
    help = f"sizes have no batch: {got}" if expected[1:] == got else None
    return f"expected the output {expected}, got {got}", help


def _compare_counts(name: str, expected: int, got: int) -> str:
    difference = f"{'+' if got >= expected else ''}{format_number(got - expected, _DIGITS)}"
    return f"expected {name} {format_number(expected, _DIGITS)}, got {format_number(got, _DIGITS)} ({difference})"
