"""Defines operands: the tensors of a trace as values of a draft, with the batch and axes of size 1 where the tensor has them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from archspec.errors import ArchspecError
from archspec.recording.draft import DraftValue
from archspec.recording.trace import BatchSize, Size, Sizes

BATCH = -1

Dim = tuple[int, ...]
"""What one dimension of a tensor holds: axes of the value and `BATCH`, in row-major order; nothing if its size is 1."""


class UnsupportedCallError(ArchspecError, ValueError):
    """Raised for a call that no op of the language does, with what is missing.

    >>> UnsupportedCallError("max_pool with indices", "leave the indices out").help
    'leave the indices out'
    """

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor: a value, and what each dimension holds of it.

    Permutations that move the batch, axes of size 1, and axes that are folded into the batch change only `dims`.
    """

    value: DraftValue
    dims: tuple[Dim, ...]

    @classmethod
    def of(cls, value: DraftValue) -> Operand:
        """The tensor whose dimensions are the batch and the axes of a value."""
        axes = tuple((axis,) for axis in range(value.shape.rank))
        return cls(value, ((BATCH,), *axes) if value.shape.batched else axes)

    @property
    def rank(self) -> int:
        return len(self.dims)

    @property
    def sizes(self) -> Sizes:
        return tuple(map(self._size, self.dims))

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of the value in the order of the tensor's dimensions."""
        return tuple(axis for dim in self.dims for axis in dim if axis != BATCH)

    @property
    def is_arranged(self) -> bool:
        """Whether the axes are in the order of the value, and the batch is first."""
        flat = [axis for dim in self.dims for axis in dim]
        return flat == sorted(flat)

    @property
    def is_plain(self) -> bool:
        """Whether the dimensions are the batch and the axes of the value, one each."""
        return self == Operand.of(self.value)

    def _size(self, dim: Dim) -> Size:
        size = math.prod(self.value.shape.sizes[axis] for axis in dim if axis != BATCH)
        return BatchSize(size) if BATCH in dim else size

    def number(self, dim: int) -> int:
        """A dimension counted from 0, of one that may be counted from the end."""
        if not -self.rank <= dim < self.rank:
            raise UnsupportedCallError(f"dimension {dim} of {self.rank}")
        return dim % self.rank

    def axis(self, dim: int, what: str = "it") -> int:
        """The axis of the value that a dimension is. Raises `UnsupportedCallError`."""
        held = self.dims[self.number(dim)]
        if len(held) == 1 and held[0] != BATCH:
            return held[0]
        if BATCH in held:
            raise UnsupportedCallError(f"{what} works along the batch")
        raise UnsupportedCallError(f"{what} works along a dimension of size 1")

    def with_value(self, value: DraftValue) -> Operand:
        """The same dimensions of another value."""
        return Operand(value, self.dims)

    def permuted(self, order: tuple[int, ...]) -> Operand:
        return Operand(self.value, tuple(self.dims[dim] for dim in order))

    def with_one(self, dim: int) -> Operand:
        """With a dimension of size 1 before dimension `dim`."""
        return Operand(self.value, (*self.dims[:dim], (), *self.dims[dim:]))

    def without_dim(self, dim: int) -> Operand:
        return Operand(self.value, (*self.dims[:dim], *self.dims[dim + 1 :]))
