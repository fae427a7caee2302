"""Decides which parts of a network become modules, with their inputs and outputs, and which of them are equal."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from archspec.codegen.inplace import use_inplace_activations, use_inplace_sums
from archspec.codegen.lowering import LoweredNode, LoweredOp, lower_graph
from archspec.ir.graph import Graph, Path, Region, Value
from archspec.ir.regions import RegionTree
from archspec.ir.uses import ComputedUses
from archspec.ops.base import FIRST

DEEPEST = 64
"""The most nested modules; deeper parts become part of the code around them, because of Python's stack."""


@dataclass(eq=False)
class ModulePart:
    """One use of a region. It becomes a module if it is `nested`; otherwise its code is part of its parent's."""

    region: Region
    parent: ModulePart | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    items: list[LoweredNode | ModulePart] = field(default_factory=list)
    nested: bool = False
    structure_id: int = -1
    """A number that nested parts of equal structure share."""
    path: Path = field(init=False)
    has_regular_path: bool = field(init=False)
    """Whether its path, and that of each part around it, extends the path of the part around."""

    def __post_init__(self) -> None:
        self.path = self.region.path
        above = self.parent
        self.has_regular_path = above is None or (above.has_regular_path and self.path[: len(above.path)] == above.path)

    @property
    def flattened(self) -> Iterator[LoweredNode | ModulePart]:
        """Its steps and nested parts, in order; parts that are not nested are replaced by their contents."""
        for item in self.items:
            if isinstance(item, ModulePart) and not item.nested:
                yield from item.flattened
            else:
                yield item


@dataclass
class ModuleTree:
    """The parts that become modules, inner ones before outer ones; the last is the network.

    `inputs` and `outputs` are those of the network, by name.
    """

    parts: list[ModulePart]
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]


def build_module_tree(graph: Graph, *, inplace_sums: bool = False) -> ModuleTree:
    """Builds the tree of the regions that become modules: those that contain a module or a parameter.

    Equal uses of one path share one module; unequal ones become part of the code around them.
    """
    steps = use_inplace_activations(graph, lower_graph(graph))
    if inplace_sums:
        steps = use_inplace_sums(graph, steps)
    alias_of = graph.derive(ComputedUses).alias_of
    outputs = {name: alias_of[value] for name, value in graph.outputs.items()}
    root = ModulePart(graph.regions[0], None, (), tuple(dict.fromkeys(outputs.values())), nested=True)
    homes = _place_steps(graph, steps, root)
    parts = list(dict.fromkeys(part for part in homes.values() if part is not root))
    _choose_modules([(step, homes[step.node.region]) for step in steps if step.lowered.stateful_call], parts)
    return ModuleTree([*_number_structures(parts), root], graph.inputs, outputs)


def _place_steps(graph: Graph, steps: list[LoweredNode], root: ModulePart) -> dict[int, ModulePart]:
    """Builds the tree of parts with their steps, and returns the part of each region with steps, by its id, in order.

    A region with nodes that are not consecutive is no part: its steps belong to the part around it.
    """
    tree = RegionTree(graph, graph.derive(ComputedUses))
    parts, around = {0: root}, root
    for step in steps:
        for region in graph.enclosing_regions(step.node.region) if step.node.region not in parts else ():
            if region.id in parts:
                around = parts[region.id]
            elif tree.consecutive[region.id]:
                leaving = sorted(tree.outputs[region.id], key=attrgetter("node", "index"))
                parts[region.id] = ModulePart(region, around, tree.inputs[region.id], tuple(leaving))
                around.items.append(parts[region.id])
                around = parts[region.id]
            else:
                parts[region.id] = around
        parts[step.node.region].items.append(step)
    return parts


def _choose_modules(stateful_steps: list[tuple[LoweredNode, ModulePart]], parts: list[ModulePart]) -> None:
    """Marks as nested the parts with state whose paths are all below the part's."""
    stateful, astray = set(), set()
    taken = {step.path for step, _ in stateful_steps} | _find_opened_paths(stateful_steps, parts)
    for step, home in stateful_steps:
        part: ModulePart | None = home
        while part is not None:
            fits = step.path[: len(part.path)] == part.path and len(step.path) > len(part.path)
            if fits and part.has_regular_path and part in stateful:
                break
            stateful.add(part)
            if not fits:
                astray.add(part)
            part = part.parent
    inside: dict[ModulePart | None, tuple[int, int]] = {}
    for part in parts:
        above, depth = inside.get(part.parent, (0, 0))
        fits = part in stateful and part not in astray and part.path not in taken and len(part.path) > above
        part.nested = fits and depth < DEEPEST
        inside[part] = (len(part.path), depth + 1) if part.nested else (above, depth)


def _find_opened_paths(stateful_steps: list[tuple[LoweredNode, ModulePart]], parts: list[ModulePart]) -> set[Path]:
    """The paths of parts that contain a module which is also used outside of them."""
    known = {part.path for part in parts}
    opened: set[Path] = set()
    for step, home in stateful_steps:
        prefixes = {step.path[:end] for end in range(1, len(step.path))} & known
        part: ModulePart | None = home
        while part is not None:
            prefixes.discard(part.path)
            part = part.parent
        opened |= prefixes
    return opened


def _number_structures(parts: list[ModulePart]) -> list[ModulePart]:
    """Numbers the structures of nested parts, inner ones first, and inlines unequal uses of one path."""
    by_path: dict[Path, list[ModulePart]] = defaultdict(list)
    for part in parts:
        by_path[part.path].append(part)
    forms: dict[Hashable, int] = {}
    ordered: list[ModulePart] = []
    for path in sorted(by_path, key=len, reverse=True):
        uses = by_path[path]
        if not all(part.nested for part in uses):
            for part in uses:
                part.nested = False
            continue
        bodies = [_describe_body(part) for part in uses]
        if any(body.structure != bodies[0].structure for body in bodies[1:]):
            for part in uses:
                part.nested = False
            continue
        given = sorted({body.places[ref] for part, body in zip(uses, bodies, strict=True) for ref in part.outputs})
        form = forms.setdefault((bodies[0].structure, tuple(given)), len(forms))
        for part, body in zip(uses, bodies, strict=True):
            refs = {place: ref for ref, place in body.places.items()}
            part.structure_id, part.outputs = form, tuple(refs[place] for place in given)
        ordered.extend(uses)
    return ordered


Place = tuple[int, int]
"""The item of a part that produces a value, and the index of the output."""


@dataclass(frozen=True, slots=True)
class _BodyStructure:
    """A key that parts with equal code and state share: kind, ops, shapes, wiring and relative names, but not their outputs."""

    structure: Hashable
    places: dict[Value, Place]


def _describe_body(part: ModulePart, inputs: Iterable[Value] | None = None) -> _BodyStructure:
    """`inputs` are those of the network, if the part is the network."""
    taken = part.inputs if inputs is None else inputs
    places: dict[Value, Place] = {ref: (-1, position) for position, ref in enumerate(taken)}
    items: list[Hashable] = []
    start = len(part.path)
    for position, item in enumerate(part.flattened):
        operands: Iterable[Value]
        if isinstance(item, ModulePart):
            item_key, operands, path = -1 - item.structure_id, item.inputs, item.path
            places.update((ref, (position, index)) for index, ref in enumerate(item.outputs))
        else:
            item_key, operands, path = item.lowered.id, item.operands, item.path if item.lowered.stateful_call else ()
            places.update((value, (position, value.index)) for value in item.node.outputs)
        items.append((item_key, path[start:], tuple(places[ref] for ref in operands)))
    return _BodyStructure((part.region.kind, len(part.inputs), tuple(items)), places)


def code_signature(part: ModulePart) -> Hashable:
    """A key of what the code of a part depends on: its structure without options and shapes."""
    places = _describe_body(part).places
    items: list[Hashable] = []
    start = len(part.path)
    for item in part.flattened:
        if isinstance(item, ModulePart):
            refs = tuple(places[ref] for ref in item.inputs)
            items.append((len(item.outputs), item.path[start:], refs))
        else:
            path = item.path[start:] if item.lowered.stateful_call else ()
            refs = tuple(places[ref] for ref in item.operands)
            items.append((item.lowered.code_signature, len(item.node.outputs), path, refs))
    return len(part.inputs), tuple(items), tuple(places[ref] for ref in part.outputs)


def list_operands(item: LoweredNode | ModulePart) -> list[Value]:
    """The values that an item of a part reads."""
    return list(item.inputs if isinstance(item, ModulePart) else item.operands)


def has_module(item: LoweredNode | ModulePart) -> bool:
    """Whether an item of a part is a module or a parameter, which has a place in the part."""
    return isinstance(item, ModulePart) or item.lowered.stateful_call is not None


def digest_structure(
    part: ModulePart,
    inputs: Mapping[str, Value],
    outputs: Sequence[Value],
    describe: Callable[[LoweredNode | ModulePart], str],
) -> str:
    """A digest of all that the class of a part depends on: equal for equal parts of any networks, in any process.

    `describe` says what its items are: their calls and shapes, or the digests of inner parts.
    """
    body = _describe_body(part, inputs.values())
    start = len(part.path)
    items = [
        (
            describe(item),
            item.path[start:] if has_module(item) else (),
            [body.places[ref] for ref in list_operands(item)],
        )
        for item in part.flattened
    ]
    text = repr((list(inputs), items, [body.places[ref] for ref in outputs]))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def applies_in_order(part: ModulePart) -> bool:
    """Whether a part applies the modules directly in it, each once, one after the other, and does nothing else."""
    current = list(part.inputs)
    names = [item.path[len(part.path) :] for item in part.flattened]
    if len(set(names)) < len(names) or any(len(name) != 1 for name in names):
        return False
    for item in part.flattened:
        if len(current) != 1 or current != list_operands(item):
            return False
        if isinstance(item, ModulePart):
            current = list(item.outputs)
        elif _is_module_alone(item.lowered):
            current = list(item.node.outputs)
        else:
            return False
    return bool(names) and current == list(part.outputs)


def _is_module_alone(lowered: LoweredOp) -> bool:
    """Whether an op is one module that is called on its operand."""
    (call, *others) = lowered.calls
    is_module = call.stateful and not call.is_tensor
    return is_module and not others and call.args == FIRST and not call.keywords
