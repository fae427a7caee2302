"""Decomposes a DAG into chains and parallel branches, and finds the edges that bypass a part of it.

A series-parallel DAG is a chain of nodes and of groups of parallel branches, which are chains again (Valdes et al. 1982).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from archspec.errors import ArchspecError

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Branches between which there is no path."""

    branches: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A chain: every path through it has all its nodes, and one branch of each group."""

    items: tuple[str | Parallel, ...]

    def iter_nodes(self) -> Iterator[str]:
        """All nodes, those of branches included."""
        for item in self.items:
            if isinstance(item, str):
                yield item
            else:
                for branch in item.branches:
                    yield from branch.iter_nodes()


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The tree of chains and branches, and the edges that bypass nodes of it: there is a longer path between their ends."""

    tree: Series
    bypasses: frozenset[Pair]


class NotSeriesParallelError(ArchspecError, ValueError):
    """Raised for a DAG that has other shapes than chains and branches."""


def decompose_dag(nodes: Sequence[str], edges: Collection[Pair]) -> Decomposition:
    """The chains and branches of a DAG without its bypassing edges.

    Args:
        nodes: the nodes; branches keep this order.
        edges: pairs of tail and head.

    Raises:
        NotSeriesParallelError: there is no such decomposition, or the graph has a cycle.

    >>> decompose_dag("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")])
    Decomposition(tree=Series(items=('a', Parallel(branches=(Series(items=('b',)), Series(items=('c',)))), 'd')), \
bypasses=frozenset({('a', 'd')}))
    """
    order = _Order(_sort_topologically(nodes, edges), edges)
    return Decomposition(order.decompose((1 << len(nodes)) - 1), order.bypasses)


def _sort_topologically(nodes: Sequence[str], edges: Collection[Pair]) -> list[str]:
    """The nodes, each after its producers, as far as possible in their order."""
    heads: dict[str, list[str]] = {node: [] for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for tail, head in edges:
        heads[tail].append(head)
        waiting[head] += 1
    place = {node: number for number, node in enumerate(nodes)}
    ready = [node for node in nodes if not waiting[node]]
    ordered: list[str] = []
    while ready:
        node = min(ready, key=place.__getitem__)
        ready.remove(node)
        ordered.append(node)
        for head in heads[node]:
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    if len(ordered) < len(nodes):
        raise NotSeriesParallelError("a cycle")
    return ordered


class _Order:
    """The partial order of the nodes, as sets of bits: which are before and after each."""

    def __init__(self, nodes: list[str], edges: Collection[Pair]) -> None:
        self.nodes = nodes
        place = {node: number for number, node in enumerate(nodes)}
        self.before, self.after = [0] * len(nodes), [0] * len(nodes)
        pairs = sorted((place[tail], place[head]) for tail, head in edges)
        for tail, head in sorted(pairs, key=lambda pair: pair[1]):
            self.before[head] |= self.before[tail] | 1 << tail
        for tail, head in reversed(pairs):
            self.after[tail] |= self.after[head] | 1 << head
        bypasses = {pair for pair in pairs if self.after[pair[0]] & self.before[pair[1]]}
        self.bypasses = frozenset((nodes[tail], nodes[head]) for tail, head in bypasses)
        self.neighbours = [0] * len(nodes)
        for tail, head in set(pairs) - bypasses:
            self.neighbours[tail] |= 1 << head
            self.neighbours[head] |= 1 << tail

    def decompose(self, inside: int) -> Series:
        """The chain of a set of nodes. Its links are the nodes that are before or after every other one."""
        links = [
            node
            for node in _iter_bits(inside)
            if inside & ~(self.before[node] | self.after[node] | 1 << node) == 0
        ]  # fmt: skip
        items: list[str | Parallel] = []
        rest = inside
        for link in links:
            items += self._split(rest & self.before[link])
            items.append(self.nodes[link])
            rest &= self.after[link]
        return Series((*items, *self._split(rest)))

    def _split(self, inside: int) -> list[str | Parallel]:
        """The branches of a set of nodes without links, as a group; none if it is empty."""
        if not inside:
            return []
        branches = list(self._iter_components(inside))
        if len(branches) == 1:
            raise NotSeriesParallelError(", ".join(self.nodes[node] for node in _iter_bits(inside)))
        return [Parallel(tuple(map(self.decompose, branches)))]

    def _iter_components(self, inside: int) -> Iterator[int]:
        while inside:
            component, pending = 0, inside & -inside
            while pending:
                node = pending.bit_length() - 1
                component |= 1 << node
                pending = (pending | self.neighbours[node] & inside) & ~component
            yield component
            inside &= ~component


def _iter_bits(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits &= ~low
