"""The limits of a compilation, with defaults far above what real networks need."""

from __future__ import annotations

from dataclasses import dataclass

UNITS_A_NODE = 20
"""The units of work that a limit on nodes allows for each node, including its layers, regions and values."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that bound the time and memory for compiling any text.

    >>> Limits(nodes=600_000).units
    12000000
    """

    bytes: int = 1_000_000
    """Bytes of one file."""
    depth: int = 100
    """Nested levels of YAML."""
    items: int = 100_000
    """Scalars, lists and mappings of one file."""
    nodes: int = 100_000
    """Nodes of the graph."""
    layers: int = 5_000_000
    """Layers applied and values bundled while the graph is made, including layers that add no node."""
    nesting: int = 500
    """Nested layers, through uses of blocks."""
    extends: int = 16
    """Documents in a chain of `extends`."""
    elements: int = 2**40
    """Elements of one value or weight."""
    work: int | None = None
    """Units of work of the whole compilation, about a microsecond each. None stands for twenty for each of `nodes`, and at least
    two million."""

    @property
    def units(self) -> int:
        """The most units of work."""
        return max(2_000_000, UNITS_A_NODE * self.nodes) if self.work is None else self.work


DEFAULT = Limits()
