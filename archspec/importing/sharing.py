"""Finds the parts of a graph that are used again, what they read in each use, and the names by which `reuse` finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.ir.graph import Graph, Node, Path, Region, Value

Bundle = tuple[Value, ...]


@dataclass(slots=True)
class Interface:
    """What a use of a part that is used again reads and makes."""

    flow: Bundle
    """The values that differ between its uses: the current ones where it stands."""
    named: Bundle
    """The others, which all uses read by name."""
    outputs: Bundle


@dataclass(slots=True)
class SharedParts:
    """The parts of a graph that are used again.

    The graph is the given one with other regions: those that are no use of the first one of their path, and those whose names would be
    taken, are none; their nodes are in the region around them.
    """

    graph: Graph
    first_nodes: dict[Path, int] = field(default_factory=dict)
    """The first node of each path."""
    first_regions: dict[int, int] = field(default_factory=dict)
    """For each region that is another use of one before it, that one."""
    interfaces: dict[int, Interface] = field(default_factory=dict)
    """Those of regions that are used again, and of these uses."""
    _paths: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._paths = {node.path for node in self.graph.ops} | {region.path for region in self.graph.regions}

    def is_again(self, member: Node | Region) -> bool:
        """Whether a member of a region is another use of one before it."""
        if isinstance(member, Region):
            return member.id in self.first_regions
        return bool(member.path) and self.first_nodes[member.path] != member.id

    def find_inputs(self, region: int) -> tuple[Bundle, Bundle]:
        """The values that a region reads as the current ones, and those that it reads by name."""
        shared = self.interfaces.get(region)
        inputs = self.graph.region_tree.inputs[region]
        return (shared.flow, shared.named) if shared is not None else (inputs[:1], inputs[1:])

    def find_outputs(self, region: int) -> Bundle:
        shared = self.interfaces.get(region)
        return shared.outputs if shared is not None else self.graph.region_tree.outputs[region]

    def name_module(self, target: Path, scope: Path) -> str:
        """The name by which a `reuse` in a scope finds a module: the rest of its path in a part around both, or the whole path."""
        together = next((end for end, pair in enumerate(zip(target, scope, strict=False)) if pair[0] != pair[1]), None)
        for end in range(min(len(target) - 1, len(scope)) if together is None else together, -1, -1):
            rest = target[end:]
            hidden = any((*scope[:inner], *rest) in self._paths for inner in range(end + 1, len(scope) + 1))
            if not hidden and (len(rest) > 1 or rest[0].isdecimal() or end == len(scope)):
                return ".".join(rest)
        return f".{'.'.join(target)}"


def find_shared_parts(graph: Graph) -> SharedParts:
    """The parts of a graph that are used again, and the graph with the regions that a spec can say.

    >>> import archspec
    >>> text = "{name: a, input: [4], stages: {fc: {linear: 4}, body: {layers: {act: relu, again: {reuse: fc}}}}}"
    >>> shared = find_shared_parts(archspec.load(text).graph)
    >>> shared.first_nodes["fc",], shared.name_module(("fc",), ("body",))
    (1, '.fc')
    """
    left_out: set[Path] = set()
    while True:
        plan = _Plan(graph, left_out)
        taken = {path for path in plan.find_taken() if path not in left_out}
        if not taken:
            return plan.make_parts()
        left_out |= taken


class _Plan:
    """A choice of the regions that are left out, and of those that are another use of one before them."""

    def __init__(self, graph: Graph, left_out: set[Path]) -> None:
        self.graph, self.tree = graph, graph.region_tree
        self.dissolved: set[int] = set()
        self.again: dict[int, int] = {}
        self.hidden: set[int] = set()
        """The regions inside of other uses."""
        firsts: dict[Path, Region] = {}
        for region in graph.regions[1:]:
            if region.parent in self.again or region.parent in self.hidden:
                self.hidden.add(region.id)
                continue
            first = firsts.setdefault(region.path, region)
            if region.path in left_out:
                self.dissolved.add(region.id)
            elif first is not region:
                if self._describe(first) == self._describe(region):
                    self.again[region.id] = first.id
                else:
                    self.dissolved.add(region.id)

    def _list_nodes(self, region: Region | int) -> list[Node]:
        number = region if isinstance(region, int) else region.id
        return [node for id in self.tree.nodes[number] if isinstance(node := self.graph.nodes[id], Node)]

    def _describe(self, region: Region) -> Any:
        """The ops of a region with their names, their wiring inside of it, and what leaves it."""
        nodes = self._list_nodes(region)
        places = {node.id: place for place, node in enumerate(nodes)}
        leaving = sorted((places[value.node], value.index) for value in self.tree.outputs[region.id])
        wiring = [
            [(places[value.node], value.index) if value.node in places else None for value in node.inputs]
            for node in nodes
        ]
        return [(node.op, node.path) for node in nodes], wiring, leaving

    def find_taken(self) -> Iterator[Path]:
        """Yields the paths of regions that cannot be scopes: a module in another part, or before them, has a name inside of theirs."""
        scopes = {region.path for region in self.graph.regions[1:] if self._is_scope(region.id)}
        seen: set[Path] = set()
        for node in self.graph.ops:
            around = self._find_scope(node.region)
            if not node.path or node.path in seen or self._is_inside_use(node.region):
                continue
            seen.add(node.path)
            scope = self.graph.regions[around].path
            if node.path[: len(scope)] != scope:
                yield scope
            yield from {node.path[:end] for end in range(len(scope) + 1, len(node.path))} & scopes

    def _is_scope(self, region: int) -> bool:
        return region not in self.dissolved and region not in self.hidden and bool(self.tree.members[region])

    def _is_inside_use(self, region: int) -> bool:
        return region in self.again or region in self.hidden

    def _find_scope(self, region: int) -> int:
        while region in self.dissolved:
            region = self.graph.regions[region].parent or 0
        return region

    def make_parts(self) -> SharedParts:
        parts = SharedParts(self._make_graph(), first_regions=dict(self.again))
        for node in parts.graph.ops:
            if node.path and not self._is_inside_use(node.region):
                parts.first_nodes.setdefault(node.path, node.id)
        groups: dict[int, list[int]] = {}
        for use, first in self.again.items():
            groups.setdefault(first, [first]).append(use)
        for uses in groups.values():
            parts.interfaces.update(zip(uses, self._align(uses), strict=True))
        return parts

    def _make_graph(self) -> Graph:
        if not self.dissolved:
            return self.graph
        graph = self.graph
        regions = [
            region if region.parent is None else replace(region, parent=self._find_scope(region.parent))
            for region in graph.regions
        ]
        nodes = [
            node._replace(region=self._find_scope(node.region)) if isinstance(node, Node) else node
            for node in graph.nodes
        ]
        return replace(graph, nodes=tuple(nodes), regions=tuple(regions))

    def _align(self, uses: list[int]) -> Iterator[Interface]:
        """The interfaces of the uses of one region, whose values correspond."""
        bodies = [self._list_nodes(use) for use in uses]
        inside = [{node.id for node in body} for body in bodies]
        columns: dict[Bundle, None] = {}
        for same in zip(*bodies, strict=True):
            for values in zip(*(node.inputs for node in same), strict=True):
                if values[0].node not in inside[0]:
                    columns[values] = None
        varying = [values for values in columns if len(set(values)) > 1] or [*columns][:1]
        for place, use in enumerate(uses):
            leaving = sorted(self.tree.outputs[use], key=lambda value: (value.node, value.index))
            named = tuple(values[place] for values in columns if values not in varying)
            yield Interface(tuple(values[place] for values in varying), named, tuple(leaving))
