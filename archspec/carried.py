"""Where the weights of a rewritten network come from: data that a pass leaves behind, so that a checkpoint can follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A weight of the network before, or along `axis` the part of it from `start` up to `stop`."""

    name: str
    axis: int = 0
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """A weight of the network after a pass: pieces of those before, joined along `axis`; of scalars, the first."""

    pieces: tuple[Piece, ...]
    axis: int = 0


GONE = Carried(())
"""For a weight of the network before that the pass leaves out."""


Step = Mapping[str, Carried]
"""What one pass did, by the names of the weights after it. Weights that it does not name are as they were, by name."""
