"""Which part of a picture stands for each node of a network, where equal parts are shown once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archspec.analysis.folding import Folding, Run, silent
from archspec.graph import Graph, Node, Value

Shown = TypeVar("Shown")


@dataclass
class Standing(Generic[Shown]):
    """The shown part of each node, and in which turn of what is folded the node is."""

    folding: Folding
    stands: dict[int, Shown] = field(default_factory=dict)
    """What is shown for each node that is shown, or whose fold is."""
    turns: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """For each node in folds: the folds, outermost first, each with the number of the turn."""

    @property
    def graph(self) -> Graph:
        return self.folding.graph

    def fold(self, run: Run) -> None:
        """Lets the nodes of the first part stand for those of the others."""
        if run.times == 1:
            return
        first = self.folding.nodes(run.first.part)
        for turn, facts in enumerate(run.parts):
            for offset, id in enumerate(self.folding.nodes(facts.part)):
                self.turns[id] = ((run.fold, turn), *self.turns.get(first[offset], ()))
                if turn and first[offset] in self.stands:
                    self.stands[id] = self.stands[first[offset]]

    def apart(self, tail: int, head: int) -> bool:
        """Whether two nodes are in different turns of one fold: what flows between them is not shown."""
        for (fold, turn), (other, later) in zip(self.turns.get(tail, ()), self.turns.get(head, ()), strict=False):
            if fold != other:
                return False
            if turn != later:
                return True
        return False

    def source(self, value: Value) -> Value:
        """Where a value comes from, behind what changes nothing and is not shown."""
        node = self.graph.nodes[value.node]
        while isinstance(node, Node) and silent(node):
            value = node.inputs[value.index if len(node.inputs) > 1 else 0]
            node = self.graph.nodes[value.node]
        return value
