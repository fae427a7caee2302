"""The shape of a value: its sizes without the batch, and which of its axes are the channels."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one value, without the batch dimension.

    `axis` is the axis of the channels. An image (rank 3 and more) has them first, a sequence of tokens (rank 2) and a
    feature vector last. A rank-2 value that comes out of a convolution or a pool is (channels, length): it has them first.
    """

    sizes: tuple[int, ...]
    axis: int

    @staticmethod
    def of(*sizes: int) -> Shape:
        """A shape with its channels where its rank says: first for rank 3 and more, last otherwise."""
        return Shape(sizes, 0 if len(sizes) > 2 else len(sizes) - 1)

    @staticmethod
    def image(channels: int, *spatial: int) -> Shape:
        """A shape with its channels first, whatever its rank."""
        return Shape((channels, *spatial), 0)

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @property
    def channels(self) -> int:
        return self.sizes[self.axis]

    @property
    def spatial(self) -> tuple[int, ...]:
        """All sizes but the first: what a convolution slides over."""
        return self.sizes[1:]

    @property
    def count(self) -> int:
        """How many numbers the value holds, for one sample."""
        return math.prod(self.sizes)

    def replace(self, axis: int, size: int) -> Shape:
        """This shape with another size on one axis."""
        return Shape((*self.sizes[:axis], size, *self.sizes[axis + 1 :]), self.axis)

    def __str__(self) -> str:
        return "×".join(map(str, self.sizes)) if self.sizes else "scalar"
