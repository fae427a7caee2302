"""Finds residual branches that can be skipped if stochastic depth drops them for a whole minibatch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["drop", "sum", "constant", "other"]

DEEPEST = 16
"""The most nested branches that are skipped; Python's grammar limits indentation."""


@dataclass(frozen=True)
class Operation:
    """One call of a `forward`: its operands, its results and its kind.

    "drop" is a drop path that draws once for a minibatch, "sum" an addition of two values of one shape, "constant" a learned tensor,
    which may have no batch axis.
    """

    reads: tuple[Hashable, ...]
    results: tuple[Hashable, ...]
    role: Role = "other"


@dataclass(frozen=True)
class Branch:
    """The operations (by index) and inner branches, in order, that only the operand of one drop path needs.

    `like` is a value of the branch's shape that is computed before it: another operand of the sum.
    """

    drop: int
    items: tuple[Item, ...]
    like: Hashable


Item = int | Branch


def arrange_branches(operations: Sequence[Operation], outputs: Collection[Hashable]) -> list[Item]:
    """The operations in an order in which each branch that can be skipped is directly before the sum that it enters."""
    return _Arrangement(operations, outputs).items()


class _Arrangement:
    def __init__(self, operations: Sequence[Operation], outputs: Collection[Hashable]) -> None:
        self._operations, self._outputs = operations, frozenset(outputs)
        self._producers = {value: index for index, operation in enumerate(operations) for value in operation.results}
        self._readers: dict[Hashable, list[int]] = defaultdict(list)
        for index, operation in enumerate(operations):
            for value in operation.reads:
                self._readers[value].append(index)
        self._around: dict[int, int] = {}
        """For an operation, the drop path of the innermost branch around it."""
        self._depths: dict[int, int] = {}
        """For a drop path, the nesting depth of its branch, itself included."""
        self._likes: dict[int, Hashable] = {}
        self._entering: dict[int, list[int]] = defaultdict(list)
        """For a sum, the drop paths of the branches that are placed before it."""
        for index, operation in enumerate(operations):
            if operation.role == "drop":
                self._place(index)

    def _place(self, drop: int) -> None:
        inside = self._find_branch(drop)
        depth = 1 + max((self._depths.get(index, 0) for index in inside), default=0)
        if not inside or depth > DEEPEST:
            return
        entered = self._find_sum(drop)
        if entered is None:
            return
        total, self._likes[drop] = entered
        self._entering[total].append(drop)
        self._depths[drop] = depth
        for index in (*inside, drop):
            self._around.setdefault(index, drop)

    def _find_branch(self, drop: int) -> set[int]:
        """The operations whose results are needed only for `drop`."""
        inside = {drop}
        waiting = list(self._operations[drop].reads)
        while waiting:
            index = self._producers.get(waiting.pop())
            if index is None or index in inside or not self._is_needed_in(index, inside):
                continue
            inside.add(index)
            waiting += self._operations[index].reads
        return inside - {drop}

    def _is_needed_in(self, index: int, inside: set[int]) -> bool:
        results = self._operations[index].results
        return self._outputs.isdisjoint(results) and all(inside.issuperset(self._readers[value]) for value in results)

    def _find_sum(self, drop: int) -> tuple[int, Hashable] | None:
        """The sum that consumes `drop`, and another operand of it, or of the sums after it, that is computed before."""
        (value,) = self._operations[drop].results
        start = None
        while value not in self._outputs and len(self._readers[value]) == 1:
            (total,) = self._readers[value]
            operands = [operand for operand in self._operations[total].reads if operand != value]
            if self._operations[total].role != "sum" or len(operands) != 1:
                return None
            start = total if start is None else start
            if self._is_available(operands[0], start, drop):
                return start, operands[0]
            (value,) = self._operations[total].results
        return None

    def _is_available(self, value: Hashable, start: int, drop: int) -> bool:
        """Whether a value is computed before the branch of `drop`, which is placed before `start`, and not by a branch still to be placed."""
        index = self._producers.get(value)
        if index is None:
            return True
        role = self._operations[index].role
        moved = index in self._around and index not in self._entering.get(start, ())
        return index < start and role != "constant" and not (role == "drop" and index > drop) and not moved

    def items(self) -> list[Item]:
        """All operations, each branch right before its sum."""
        members: dict[int | None, list[int]] = defaultdict(list)
        for index in range(len(self._operations)):
            if index not in self._likes:
                members[self._around.get(index)].append(index)
        return list(self._ordered(None, members))

    def _ordered(self, around: int | None, members: Mapping[int | None, list[int]]) -> Iterator[Item]:
        for index in members[around]:
            for drop in self._entering.get(index, ()):
                yield Branch(drop, tuple(self._ordered(drop, members)), self._likes[drop])
            yield index
