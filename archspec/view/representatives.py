"""Maps each node to the part of a picture that represents it, where equal parts are shown once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archspec.ir.graph import Graph, Value
from archspec.ir.uses import ComputedUses
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.skip_connections import Flow, find_skip_connections

Shown = TypeVar("Shown")


@dataclass
class Representatives(Generic[Shown]):
    """The part that is shown for each node, and the turn of each fold that the node is in."""

    folded: FoldedGraph
    representative: dict[int, Shown] = field(default_factory=dict)
    """What is shown for a node; nodes that are not shown are missing."""
    fold_turns: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """For each folded node: its folds, outermost first, each as its first node and the number of the turn."""

    @property
    def graph(self) -> Graph:
        return self.folded.graph

    def fold_run(self, run: PartRun) -> None:
        """Makes the nodes of the first part represent those of the others."""
        if run.times == 1:
            return
        first = self.folded.node_range(run.first.part)
        for turn, facts in enumerate(run.parts):
            for offset, id in enumerate(self.folded.node_range(facts.part)):
                self.fold_turns[id] = ((run.first_node, turn), *self.fold_turns.get(first[offset], ()))
                if turn and first[offset] in self.representative:
                    self.representative[id] = self.representative[first[offset]]

    def edges(self) -> Iterator[tuple[Shown, Shown, Flow]]:
        """The distinct edges between shown parts."""
        flows, uses = find_skip_connections(self.graph), self.graph.derive(ComputedUses)
        distinct: dict[tuple[Shown, Shown, Flow], None] = {}
        for node in self.graph.ops:
            if node.id not in self.representative or node.op.reads_batch:
                continue
            for operand, value in enumerate(uses.operands(node)):
                if value.node in self.representative and not self.in_different_turns(value.node, node.id):
                    tail, head = self.representative[value.node], self.representative[node.id]
                    distinct[tail, head, flows.get((node.id, operand), "flow")] = None
        yield from (edge for edge in distinct if edge[0] != edge[1])

    def in_different_turns(self, tail: int, head: int) -> bool:
        """Whether two nodes are in different turns of one fold: the edge between them is not shown."""
        for (fold, turn), (other, later) in zip(
            self.fold_turns.get(tail, ()), self.fold_turns.get(head, ()), strict=False
        ):
            if fold != other:
                return False
            if turn != later:
                return True
        return False

    def visible_source(self, value: Value) -> Value:
        """The value behind no-ops, which are not shown."""
        return self.graph.derive(ComputedUses).alias_of[value]
