"""How much of anything one spec may ask for; every limit is an option with a default that real networks stay far below."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that make every spec terminate soon, whatever it says."""

    bytes: int = 1_000_000
    """Of one file."""
    depth: int = 100
    """Levels of YAML inside one another."""
    items: int = 100_000
    """Scalars, lists and mappings of one file."""
    nodes: int = 1_000_000
    """Of the graph."""
    layers: int = 5_000_000
    """Layers applied and values bundled while the graph is made, those that make no node included."""
    nesting: int = 500
    """Layers inside one another, blocks counted through."""
    extends: int = 16
    """Documents that extend one another."""
    elements: int = 2**40
    """Of one value or weight."""


DEFAULT = Limits()
