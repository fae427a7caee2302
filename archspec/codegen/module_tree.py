"""Which parts of a network become modules of their own, what enters and leaves them, and which of them are equal."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.codegen.inplace import use_inplace_activations
from archspec.codegen.lowering import LoweredNode, LoweredOp, ValueRef, lower_graph
from archspec.ir.graph import Graph, Path, Region
from archspec.ops.base import FIRST

DEEPEST = 64
"""Modules inside one another: what lies deeper stands in the code around it, so that calls stay within Python's stack."""


@dataclass(eq=False)
class ModulePart:
    """One use of a region. It becomes a module of its own if it is `nested`; otherwise it stands in its parent's code."""

    region: Region
    parent: ModulePart | None
    items: list[LoweredNode | ModulePart] = field(default_factory=list)
    inputs: dict[ValueRef, None] = field(default_factory=dict)
    outputs: dict[ValueRef, None] = field(default_factory=dict)
    nested: bool = False
    structure_id: int = -1
    """Equal for nested parts of equal structure."""
    path: Path = field(init=False)
    depth: int = field(init=False)
    has_regular_path: bool = field(init=False)
    """Whether its path, and that of each part around it, goes on from the path of the next one."""

    def __post_init__(self) -> None:
        self.path = self.region.path
        above = self.parent
        self.depth = 0 if above is None else above.depth + 1
        self.has_regular_path = above is None or (above.has_regular_path and self.path[: len(above.path)] == above.path)

    @property
    def flattened(self) -> Iterator[LoweredNode | ModulePart]:
        """Its steps and nested parts, in order, with the contents of parts that are not nested in their place."""
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
    inputs: dict[str, ValueRef]
    outputs: dict[str, ValueRef]


def build_module_tree(graph: Graph) -> ModuleTree:
    """Decides which regions become modules: those with a module or a parameter in them.

    Uses of one path share one module where they are equal, and become part of the code around them where they are not.
    """
    steps, made = lower_graph(graph)
    outputs = {name: made[value.node, value.index] for name, value in graph.outputs.items()}
    steps = use_inplace_activations(steps, outputs.values())
    root, parts, homes = _build_parts(graph, steps)
    for step in steps:
        for ref in step.operands:
            _connect_value(ref, homes.get(ref[0], root), homes[step.node.id])
    for ref in outputs.values():
        _connect_value(ref, homes.get(ref[0], root), root)
    for part in parts:
        part.outputs = dict.fromkeys(sorted(part.outputs))
    _choose_modules(steps, homes, parts)
    nested = _number_structures(parts)
    root.nested, root.outputs = True, dict.fromkeys(outputs.values())
    inputs = {name: (value.node, value.index) for name, value in graph.inputs.items()}
    return ModuleTree([*nested, root], inputs, outputs)


def _build_parts(graph: Graph, steps: list[LoweredNode]) -> tuple[ModulePart, list[ModulePart], dict[int, ModulePart]]:
    """The parts as a tree, all but the root in order, and the part of each node.

    A region whose nodes are not consecutive has several parts; they differ, so they become no module.
    """
    root = ModulePart(graph.regions[0], None)
    open_parts, parts, homes = [root], [], {}
    for step in steps:
        if open_parts[-1].region.id != step.node.region:
            chain = graph.enclosing_regions(step.node.region)
            common = _common_depth(open_parts, chain)
            del open_parts[common:]
            for region in chain[common:]:
                part = ModulePart(region, open_parts[-1])
                open_parts[-1].items.append(part)
                open_parts.append(part)
                parts.append(part)
        open_parts[-1].items.append(step)
        homes[step.node.id] = open_parts[-1]
    return root, parts, homes


def _common_depth(open_parts: list[ModulePart], chain: tuple[Region, ...]) -> int:
    pairs = zip(open_parts, chain, strict=False)
    return next(
        (depth for depth, (part, region) in enumerate(pairs) if part.region.id != region.id),
        min(len(open_parts), len(chain)),
    )


def _connect_value(ref: ValueRef, producer: ModulePart, consumer: ModulePart) -> None:
    """Makes a value an output of the parts around its producer and an input of those around its consumer."""
    while producer is not consumer:
        if producer.depth > consumer.depth:
            producer.outputs[ref] = None
            producer = _parent_of(producer)
        else:
            consumer.inputs[ref] = None
            consumer = _parent_of(consumer)


def _parent_of(part: ModulePart) -> ModulePart:
    assert part.parent is not None, "only the root has nothing around it, and all parts are in it"
    return part.parent


def _choose_modules(steps: list[LoweredNode], homes: dict[int, ModulePart], parts: list[ModulePart]) -> None:
    """Marks as nested the parts that hold state, if all of it has paths below the part's own."""
    stateful, astray = set(), set()
    taken = {step.path for step in steps if step.lowered.stateful_call}
    for step in steps:
        part: ModulePart | None = homes[step.node.id] if step.lowered.stateful_call else None
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


def _number_structures(parts: list[ModulePart]) -> list[ModulePart]:
    """Numbers the structures of nested parts, inner ones first, and takes apart the uses of one path that differ."""
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
            part.structure_id, part.outputs = form, {refs[place]: None for place in given}
        ordered.extend(uses)
    return ordered


@dataclass(frozen=True, slots=True)
class _BodyStructure:
    """What is equal for two parts with equal code and state: kind, ops and shapes, wiring, names below their own; not which values they return.

    `places` says for each value which item of the part produces it, and as which of its outputs.
    """

    structure: Hashable
    places: dict[ValueRef, ValueRef]


def _describe_body(part: ModulePart, inputs: Iterable[ValueRef] | None = None) -> _BodyStructure:
    """`inputs` are those of the network, where that is the part."""
    taken = part.inputs if inputs is None else inputs
    places: dict[ValueRef, ValueRef] = {ref: (-1, position) for position, ref in enumerate(taken)}
    items: list[Hashable] = []
    start = len(part.path)
    for position, item in enumerate(part.flattened):
        operands: Iterable[ValueRef]
        if isinstance(item, ModulePart):
            item_key, operands, path = -1 - item.structure_id, item.inputs, item.path
            places.update((ref, (position, index)) for index, ref in enumerate(item.outputs))
        else:
            item_key, operands, path = item.lowered.id, item.operands, item.path if item.lowered.stateful_call else ()
            places.update(((item.node.id, index), (position, index)) for index in range(len(item.node.outputs)))
        items.append((item_key, path[start:], tuple(places[ref] for ref in operands)))
    return _BodyStructure((part.region.kind, len(part.inputs), tuple(items)), places)


def code_signature(part: ModulePart) -> Hashable:
    """What the code of a part depends on: its structure without options and shapes."""
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


def list_operands(item: LoweredNode | ModulePart) -> list[ValueRef]:
    """The values that an item of a part reads."""
    return list(item.inputs if isinstance(item, ModulePart) else item.operands)


def has_module(item: LoweredNode | ModulePart) -> bool:
    """Whether an item of a part is a module or a parameter, which has a place in the part."""
    return isinstance(item, ModulePart) or item.lowered.stateful_call is not None


def digest_structure(
    part: ModulePart,
    inputs: Mapping[str, ValueRef],
    outputs: Sequence[ValueRef],
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
            current = [(item.node.id, index) for index in range(len(item.node.outputs))]
        else:
            return False
    return bool(names) and current == list(part.outputs)


def _is_module_alone(lowered: LoweredOp) -> bool:
    """Whether an op is one module that is called on its operand."""
    (call, *others) = lowered.calls
    is_module = call.stateful and call.target != "torch.nn.Parameter"
    return is_module and not others and call.args == FIRST and not call.keywords
