"""Names the values of a network that no chain of layers passes on."""

from __future__ import annotations

from collections import Counter
from itertools import islice, takewhile

from archspec.ir.graph import Graph, Node, Region, Value
from archspec.ir.names import UniqueNames
from archspec.ops import BY_WORD
from archspec.spec.reserved_names import RESERVED
from archspec.spec.symbols import KEYWORDS, MODIFIERS

WORDS = frozenset({*BY_WORD, *RESERVED, *KEYWORDS, *MODIFIERS})
"""The words that cannot name a value or a block."""


class ValueNames:
    """The names of values in a region and those inside it: that of the module, or one that no module there has, so that none hides another."""

    def __init__(self, graph: Graph, region: int = 0) -> None:
        self.graph = graph
        depth = len(graph.regions[region].path)
        nodes = (graph.nodes[id] for id in graph.region_tree.nodes[region])
        paths = {node.path[depth:] for node in nodes if isinstance(node, Node)}
        own = graph.regions[region].path
        parts = takewhile(lambda part: part.path[:depth] == own, islice(graph.regions, region, None))
        paths |= {part.path[depth:] for part in parts}
        inside = {path[:end] for path in paths for end in range(1, len(path) + 1)}
        self.modules = Counter(path[-1] for path in inside)
        self.unique = UniqueNames({*self.modules, *graph.inputs, *WORDS})
        self.own: set[str] = set()

    def take(self, value: Value, member: Node | Region | None = None) -> str:
        """A new name for a value: that of the member that makes it, or one after its op."""
        name = member.path[-1] if member is not None and member.path else ""
        if self.modules[name] == 1 and name not in WORDS and name not in self.own and not name[:1].isdigit():
            self.own.add(name)
            return name
        node = self.graph.nodes[value.node]
        word = node.op.word if isinstance(node, Node) else node.name
        return self.unique.take(f"{word}_out" if len(node.outputs) == 1 else f"{word}_part{value.index}")
