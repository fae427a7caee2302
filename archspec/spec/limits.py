"""How much of anything one spec may ask for; every limit is an option with a default that real networks stay far below."""

from __future__ import annotations

from dataclasses import dataclass

UNITS_A_NODE = 20
"""Of work, that a limit on nodes stands for: the layers, regions and values that lead to a node included."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that make the compilation of every spec end soon, whether it is a network or not.

    >>> Limits(nodes=600_000).units
    12000000
    """

    bytes: int = 1_000_000
    """Of one file."""
    depth: int = 100
    """Levels of YAML inside one another."""
    items: int = 100_000
    """Scalars, lists and mappings of one file."""
    nodes: int = 100_000
    """Of the graph."""
    layers: int = 5_000_000
    """Layers applied and values bundled while the graph is made, those that make no node included."""
    nesting: int = 500
    """Layers inside one another, blocks counted through."""
    extends: int = 16
    """Documents that extend one another."""
    elements: int = 2**40
    """Of one value or weight."""
    work: int | None = None
    """Units of work of everything together, from the first byte to the last diagnostic: about a microsecond each. None is
    twenty for each of `nodes`, and at least two million."""

    @property
    def units(self) -> int:
        """The most units of work."""
        return max(2_000_000, UNITS_A_NODE * self.nodes) if self.work is None else self.work


DEFAULT = Limits()
