"""Turns a graph into terms: its regions into scopes, its series-parallel parts into joins, and other reads into named values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from archspec.importing.reduction import Branch, Bundle, Item, Reduction
from archspec.importing.sharing import SharedParts, find_shared_parts
from archspec.importing.terms import Term
from archspec.importing.value_names import ValueNames
from archspec.ir.graph import Graph, Node, Path, Region, Value


def build_terms(graph: Graph) -> tuple[list[Term], dict[str, str]]:
    """The terms of a network, in order, and the named values of its outputs; without these, the last value is the output."""
    shared = find_shared_parts(graph)
    graph = shared.graph
    root = _RegionTerms(shared, 0, {}, ValueNames(graph))
    terms = root.build()
    if all(value in root.visible for value in root.leaving):
        return terms, {name: root.visible[value] for name, value in graph.outputs.items()}
    return terms, {}


class _RegionTerms:
    """The terms of one region."""

    def __init__(self, shared: SharedParts, region: int, outer: Mapping[Value, str], names: ValueNames) -> None:
        self.shared, self.graph, self.region, self.names = shared, shared.graph, region, names
        graph = self.graph
        tree = graph.region_tree
        self.leaving = shared.find_outputs(region) if region else tuple(graph.outputs.values())
        members = tree.members[region]
        self.join = _named_join(graph, region)
        self.reduction = Reduction(shared, region, members, self.leaving if self.join is None else ())
        self.visible = dict(outer)
        self.makers = {
            item.outputs[0]: item.member
            for item in self.reduction.items
            if len(item.outputs) == 1 and not shared.is_again(item.member)
        }
        current, named = shared.find_inputs(region)
        self.closed = region > 0 and len(current) == len(self.leaving) == 1 and not named
        self.prefix: list[Term] = []

    def build(self) -> list[Term]:
        reduction = self.reduction
        if self.region and len(reduction.entry) > 1:
            self._name_entry(reduction.entry)
        needed = dict.fromkeys(self._needed(reduction.items, reduction.entry))
        for value in needed:
            if value not in self.visible:
                self._name_value(value)
        terms = [*self.prefix, *self._convert_all(reduction.items, reduction.entry)]
        if len(self.leaving) > 1 and self.region:
            terms.append(Term("join", "bundle", branches=[[self._reference(value)] for value in self.leaving]))
        elif self.join is None and self.region and reduction.current != self.leaving:
            terms.append(self._reference(self.leaving[0]))
        return terms

    def _name_entry(self, entry: Bundle) -> None:
        """Names the current values of a part that reads several, as one that is used again does."""
        self.visible.update((value, self.names.take(value)) for value in entry)
        self.prefix.append(Term("op", "identity", results=tuple(self.visible[value] for value in entry)))

    def _name_value(self, value: Value) -> None:
        """Names a value of this region, or its entry."""
        if value not in self.reduction.entry:
            self.visible[value] = self.names.take(value, self.makers.get(value))
        elif not self.region:
            self.visible[value] = self.graph.nodes[value.node].name
        else:
            self.visible[value] = "input" if self.closed and self.join is None else self.names.take(value)
            if self.visible[value] != "input":
                self.prefix.append(Term("op", "identity", results=(self.visible[value],)))

    # -- the values that need names -----------------------------------------------------------------------------------

    def _needed(self, items: list[Item], current: Bundle) -> Iterator[Value]:
        for item in items:
            yield from self._needed_by(item, current)
            current = item.outputs
        if items is self.reduction.items and self.join is None and (current != self.leaving or len(self.leaving) > 1):
            yield from self.leaving

    def _needed_by(self, item: Item, current: Bundle) -> Iterator[Value]:
        if item.flow != current:
            yield from item.flow
        if isinstance(item.member, Region):
            yield from self.shared.find_inputs(item.member.id)[1]
        inside = item.flow or current
        for branch in item.branches:
            yield from self._needed(branch.items, inside)
            if not branch.items and ((branch.value,) != inside or self._only_references(item)):
                yield branch.value

    def _only_references(self, item: Item) -> bool:
        """Whether an item is a named join without a scope of its own, whose branches are named values."""
        named = isinstance(item.member, Node) and bool(item.member.path) and item.member is not self.join
        return not self.region or (named and item.member.op.join)  # type: ignore[union-attr]

    # -- terms --------------------------------------------------------------------------------------------------------

    def _convert_all(self, items: Iterable[Item], current: Bundle) -> list[Term]:
        terms: list[Term] = []
        for item in items:
            made = self._convert(item, current)
            if item.flow != current:
                made[0].source = tuple(self.visible[value] for value in item.flow)
            made[-1].results = self._results(item.outputs)
            terms += made
            current = item.outputs
        return terms

    def _results(self, outputs: Bundle) -> tuple[str, ...]:
        named = any(value in self.visible for value in outputs)
        return tuple(self.visible.get(value) or self.names.take(value) for value in outputs) if named else ()

    def _convert(self, item: Item, current: Bundle) -> list[Term]:
        channels = _count_channels(item.flow or current)
        if isinstance(item.member, Region):
            return [self._convert_region(item.member, channels)]
        node = item.member
        again = self.shared.is_again(node)
        name = self._name_within(node.path) if node.path and not again else None
        if again and self._needs_reuse(node):
            term = Term("reuse", self._name_again(node.path), channels=channels)
        else:
            term = Term("op", node.op.word, node.op.lift(), name, channels=channels)
        if not item.branches:
            return [term]
        inside = item.flow or current
        branches = [self._convert_branch(branch, inside, item) for branch in item.branches]
        if node.op.join:
            return [Term("join", node.op.word, node.op.lift(), name, branches, channels=channels)]
        term.channels = None
        return [Term("join", "bundle", branches=branches, channels=channels), term]

    def _needs_reuse(self, node: Node) -> bool:
        """Whether a node of a path that is taken is a `reuse`: for its weights, or its name, if it is the same op."""
        first = self.graph.nodes[self.shared.first_nodes[node.path]]
        same = isinstance(first, Node) and first.op == node.op
        return bool(node.weight_shapes) or (same and not node.op.join and not node.path[-1].isdecimal())

    def _convert_branch(self, branch: Branch, inside: Bundle, item: Item) -> list[Term]:
        if branch.items:
            return self._convert_all(branch.items, inside)
        if (branch.value,) == inside and not self._only_references(item):
            return []
        return [self._reference(branch.value)]

    def _reference(self, value: Value) -> Term:
        return Term("value", self.visible[value])

    def _convert_region(self, region: Region, channels: int | None) -> Term:
        if self.shared.is_again(region):
            return Term("reuse", self._name_again(region.path), channels=channels)
        entering, others = self.shared.find_inputs(region.id)
        leaving = self.shared.find_outputs(region.id)
        seen = {value: self.visible[value] for value in others}
        names = ValueNames(self.graph, region.id) if not others and len(entering) == len(leaving) == 1 else self.names
        inner = _RegionTerms(self.shared, region.id, seen, names)
        body = inner.build()
        name = self._name_within(region.path)
        if inner.join is None:
            made = _count_channels(leaving)
            numbers = {name: value for name, value in region.arguments.items() if isinstance(value, int | float)}
            return Term(
                "scope", region.kind, {}, name, [body], channels=channels, made=made, given=numbers, closed=inner.closed
            )
        if len(body) == 1 and not body[0].source:
            body[0].name, body[0].channels = name, channels
            return body[0]
        return inner.wrap_join(body, name, channels)

    def _name_again(self, path: Path) -> str:
        return self.shared.name_module(path, self.graph.regions[self.region].path)

    def _name_within(self, path: Path) -> str:
        """The name of a part of this region, with dots where it is in a container that is no region."""
        return ".".join(path[len(self.graph.regions[self.region].path) :])

    def wrap_join(self, body: list[Term], name: str, channels: int | None) -> Term:
        """The named join of this region with all its layers in one branch, which ends in a bundle of the operands."""
        *before, join = body
        bundle = Term("join", "bundle", branches=join.branches, source=join.source)
        return Term("join", join.word, join.fields, name, [[*before, bundle]], channels=channels)


def _named_join(graph: Graph, region: int) -> Node | None:
    """The join whose name is the scope of its branches, if the region is that scope."""
    members = graph.region_tree.members[region]
    last = members[-1] if members else None
    is_join = region and isinstance(last, Node) and last.op.join and last.path == graph.regions[region].path
    return last if is_join and isinstance(last, Node) else None


def _count_channels(values: Bundle) -> int | None:
    if len(values) != 1 or values[0].shape.channel_axis is None:
        return None
    return values[0].shape.channels
