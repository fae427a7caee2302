"""Computes the dominators of a directed acyclic graph in one sweep."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

ROOT = -1
"""The parent of nodes that no other node dominates."""


class DominatorTree:
    """The dominator tree of a graph whose nodes are numbered in topological order.

    A node dominates another if every path from a source to that other node passes it; each node dominates itself. The immediate
    dominator is the nearest common ancestor of the predecessors in the tree (Cooper, Harvey and Kennedy 2001), which is found with
    jump pointers (Myers 1983): n nodes and m edges take O((n + m) log n).

    >>> tree = DominatorTree([[], [0], [0], [1, 2], [3]], sources={0})
    >>> tree.parents, tree.dominates(0, 3), tree.dominates(1, 3), tree.nearest_common(1, 4)
    ([-1, 0, 0, 0, 3], True, False, 0)
    """

    def __init__(self, predecessors: Sequence[Iterable[int]], sources: Container[int]) -> None:
        """The tree of nodes that paths from the `sources` reach.

        Args:
            predecessors: the predecessors of each node, whose numbers are smaller than its own.
            sources: the nodes at which paths begin.
        """
        self.parents: list[int | None] = []
        """The immediate dominator of each node; `ROOT` if there is none, None for a node that no path reaches."""
        self.outermost: list[int] = []
        """The outermost dominator of each node; two nodes have a common dominator if it is the same."""
        self._depths: list[int] = []
        self._jumps: list[int] = []
        for node, before in enumerate(predecessors):
            self._add(self._find_parent(before, is_source=node in sources))
        self.starts, self.stops = self._number_subtrees()
        """The place of each node in a preorder of the tree, and the place behind the nodes that it dominates."""

    def dominates(self, node: int, other: int) -> bool:
        """Whether a node dominates another; both are reached."""
        return self.starts[node] <= self.starts[other] < self.stops[node]

    def is_reached(self, node: int) -> bool:
        """Whether a path from a source leads to a node."""
        return self.parents[node] is not None

    def nearest_common(self, node: int, other: int) -> int:
        """The nearest node that dominates two reached nodes; `ROOT` if there is none."""
        while node != other:
            if self._depth(node) < self._depth(other):
                node, other = other, node
            jump, level = self._jumps[node], self._depth(other)
            beyond = self._depth(jump) < level or (self._depth(node) == level and jump == self._jumps[other])
            if self._depth(node) > level:
                node = self._parent(node) if beyond else jump
            elif beyond:
                node, other = self._parent(node), self._parent(other)
            else:
                node, other = jump, self._jumps[other]
        return node

    def _find_parent(self, before: Iterable[int], *, is_source: bool) -> int | None:
        if is_source:
            return ROOT
        parent: int | None = None
        for node in before:
            if self.is_reached(node):
                parent = node if parent is None else self.nearest_common(parent, node)
        return parent

    def _add(self, parent: int | None) -> None:
        self.parents.append(parent)
        above = ROOT if parent is None else parent
        self.outermost.append(self.outermost[above] if above != ROOT else len(self._depths))
        jump = self._jump(above)
        long = self._depth(above) - self._depth(jump) == self._depth(jump) - self._depth(self._jump(jump))
        self._depths.append(self._depth(above) + 1)
        self._jumps.append(self._jump(jump) if long and above != ROOT else above)

    def _number_subtrees(self) -> tuple[list[int], list[int]]:
        """The place of each node in a preorder of the tree, and the place behind its subtree."""
        sizes = [1] * len(self.parents)
        for node in range(len(sizes) - 1, -1, -1):
            if (parent := self._parent(node)) != ROOT:
                sizes[parent] += sizes[node]
        starts: list[int] = []
        free = [*range(len(sizes)), 0]  # the next free place below each node; the last is that of the root
        for node, size in enumerate(sizes):
            parent = self._parent(node)
            starts.append(free[parent])
            free[parent] += size
            free[node] = starts[node] + 1
        return starts, [start + size for start, size in zip(starts, sizes, strict=True)]

    def _parent(self, node: int) -> int:
        parent = self.parents[node]
        return ROOT if parent is None else parent

    def _depth(self, node: int) -> int:
        return 0 if node == ROOT else self._depths[node]

    def _jump(self, node: int) -> int:
        return ROOT if node == ROOT else self._jumps[node]
