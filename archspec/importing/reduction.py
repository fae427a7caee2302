"""Finds the series-parallel parts of a region, by shifting its members and reducing joins with the branches that end there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from archspec.importing.sharing import SharedParts
from archspec.ir.graph import Input, Node, Region, Value

Bundle = tuple[Value, ...]


@dataclass(slots=True)
class Item:
    """A member of a region, or a join with its branches."""

    member: Node | Region
    flow: Bundle
    """The values that it reads as the current one."""
    outputs: Bundle
    branches: list[Branch] = field(default_factory=list)
    """The branches of a node with several operands; empty if it reads the current bundle."""


@dataclass(slots=True)
class Branch:
    """The items of a branch; without items it is the value itself."""

    items: list[Item]
    source: Value
    """The value that the first item reads."""
    value: Value
    """The operand."""


class Reduction:
    """The items of one region in the order of the graph, with as many joins as possible around their branches.

    A join takes the chain of items that ends in an operand if these are at the end of the list, in the order of its operands, and
    nothing else reads their values.
    """

    def __init__(
        self, shared: SharedParts, region: int, members: Iterable[Node | Input | Region], leaving: Bundle
    ) -> None:
        self.shared = shared
        self.nested = region > 0
        """Whether joins take branches: those of the network itself are stages, whose branches would be in a scope of their own."""
        self.items: list[Item] = []
        self.members = [member for member in members if not isinstance(member, Input)]
        self.readers: Counter[Value] = Counter(leaving)
        """The number of reads of each value by members; a region reads a value once."""
        self.entry: Bundle = shared.find_inputs(region)[0] if region else tuple(shared.graph.inputs.values())
        for member in self.members:
            self.readers.update(self._reads(member))
        for member in self.members:
            self._shift(member)

    def _reads(self, member: Node | Region) -> Bundle:
        if isinstance(member, Node):
            return member.inputs
        current, named = self.shared.find_inputs(member.id)
        return (*current, *named)

    def _shift(self, member: Node | Region) -> None:
        if isinstance(member, Region):
            current, _ = self.shared.find_inputs(member.id)
            self.items.append(Item(member, current, self.shared.find_outputs(member.id)))
        elif len(member.inputs) == 1 and not member.op.join:
            self.items.append(Item(member, member.inputs, member.outputs))
        else:
            self.items.append(self.reduce(member, member.inputs, member.outputs))

    @property
    def current(self) -> Bundle:
        """The current value behind the last item."""
        return self.items[-1].outputs if self.items else self.entry

    def reduce(self, member: Node, operands: Bundle, outputs: Bundle) -> Item:
        """The item of a node with several operands, with the branches that it takes from the end of the list."""
        if self.current == operands and not member.op.join:
            return Item(member, operands, outputs)
        if not self.nested:
            return Item(member, (), outputs, [Branch([], value, value) for value in operands])
        branches = [self._take_branch(value, opens=bool(member.path)) for value in reversed(operands)][::-1]
        sources = Counter(branch.source for branch in branches)
        source, shared = max(sources.items(), key=lambda entry: entry[1])
        if shared == 1:
            source = self._return_first(branches)
            shared = sum(branch.source == source for branch in branches)
        self.readers[source] -= shared - 1
        flow = (source,) if shared else ()
        return Item(member, flow, outputs, branches)

    def _take_branch(self, value: Value, *, opens: bool) -> Branch:
        """Takes the longest chain that ends in a value, and that nothing else reads, from the end of the list.

        If the join has a name, and so opens a scope, no layers with names are taken, which are not in it.
        """
        items: list[Item] = []
        source = value
        while self.items and self.items[-1].outputs == (source,) and self.readers[source] == 1:
            if len(self.items[-1].flow) != 1 or (opens and self.items[-1].member.path):
                break
            items.insert(0, self.items.pop())
            source = items[0].flow[0]
        return Branch(items, source, value)

    def _return_first(self, branches: list[Branch]) -> Value:
        """Puts the first chain of branches that have no common source back into the list, whose value they then read.

        Returns:
            The current value.
        """
        first = next((branch for branch in branches if branch.items), None)
        if first is not None and (first.source,) == self.current:
            self.items += first.items
            first.items, first.source = [], first.value
        return self.current[0] if len(self.current) == 1 else branches[0].source
