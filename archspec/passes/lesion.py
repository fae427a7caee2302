"""The pass `lesion`: removes and exchanges blocks (Veit, Wilber and Belongie 2016, arXiv:1605.06431, sections 4.1 to 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Annotated

from pydantic import Field

from archspec import meter
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.parts import NamedPart, NamedParts, UnknownPartError
from archspec.ir.signal_flow import find_residual_operands
from archspec.ir.uses import find_ancestors
from archspec.ops.join import Add, Concat
from archspec.passes.check import BrokenGraphError
from archspec.passes.contract import PassError, graph_pass
from archspec.passes.rewriter import rewire_graph
from archspec.spans import Span

Drop = Annotated[
    tuple[str, ...],
    Field(description="parts that go: of a block its residual branches, of another part all of it, if its shapes meet"),
]
Swap = Annotated[
    tuple[Annotated[tuple[str, ...], Field(min_length=2, max_length=2)], ...],
    Field(description="pairs of blocks of equal shapes that change places; each keeps its name and its weights"),
]

_SWAP = 4  # units of work for each node of a network in which two blocks are exchanged


@graph_pass("spec", keeps=None, needs="something to drop or to swap", advice="for example drop: [layer2.3]")
def lesion(graph: Graph, *, drop: Drop = (), swap: Swap = ()) -> Graph:
    """Removes the residual branches of blocks, so that only their skip connections remain, and exchanges blocks of equal shapes.

    A residual branch is an operand of an add, a mean or a max with more weighted layers before it than another operand has. A part
    without one is replaced by its input if that has the shape of its output. Blocks are exchanged first, pair by pair and with their
    names, so that `drop` finds a block at its new place. The remaining layers keep their names, and so their weights.

    Raises:
        PassError: there is no such part, or the shapes do not fit without it.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: units, input: [4, 8, 8], stages: {a: {add: [conv: 4, identity]}, b: {add: [conv: 4, identity]}}}")
    >>> print(format_graph(lesion(before.graph, drop=("a",))))
    %0 = input input: 4×8×8
    %1 = conv(out=4) %0: 4×8×8  b.0
    %2 = add %1 %0: 4×8×8  b
    output = %2
    """
    meter.charge_work("passes", _SWAP * len(swap) * len(graph.nodes))
    for index, (first, second) in enumerate(swap):
        graph = _swap_parts(
            graph, _find_part(graph, first, ("swap", index, 0)), _find_part(graph, second, ("swap", index, 1)), index
        )
    return _drop_parts(graph, plan_lesion(graph, drop)) if drop else graph


@dataclass
class LesionPlan:
    """The changes that remove parts: the remaining operands of joins, and values that replace others.

    >>> import archspec
    >>> plan_lesion(archspec.load("vgg16").graph, ["features.2"]).without_shortcut
    ['features.2']
    """

    operands: dict[int, tuple[Value, ...]] = field(default_factory=dict)
    replacements: dict[Value, Value] = field(default_factory=dict)
    without_shortcut: list[str] = field(default_factory=list)
    """The parts without a skip connection, which are replaced by their inputs."""


def plan_lesion(graph: Graph, drop: Iterable[str]) -> LesionPlan:
    """The changes that remove parts of a network.

    Raises:
        PassError: there is no such part, or its shapes do not fit without it.

    >>> import archspec
    >>> type(plan_lesion(archspec.load("resnet18").graph, ["layer1.0"])).__name__
    'LesionPlan'
    """
    flags = {id: longer for id, longer in find_residual_operands(graph).items() if any(longer) and not all(longer)}
    lesion_plan = LesionPlan()
    parts = NamedParts(graph)
    for index, name in enumerate(drop):
        part = _find_part(graph, name, ("drop", index), parts)
        meter.charge_work("passes", 2 + len(part.nodes))
        joins = [node for node in part.nodes if node.id in flags]
        residual = [node for node in joins if node.op.folds]
        for join in residual:
            kept = tuple(value for value, longer in zip(join.inputs, flags[join.id], strict=True) if not longer)
            if len(kept) == 1:
                lesion_plan.replacements[join.outputs[0]] = kept[0]
            lesion_plan.operands[join.id] = kept
        if not residual:
            lesion_plan.replacements.update([_bypass_part(part, joins, index)])
            lesion_plan.without_shortcut.append(name)
    return lesion_plan


def residual_blocks(graph: Graph) -> tuple[str, ...]:
    """The names of the blocks with a residual branch, in order."""
    flags = find_residual_operands(graph)
    joins = (node for node in graph.ops if isinstance(node.op, Add) and any(flags[node.id]) and not all(flags[node.id]))
    return tuple(dict.fromkeys(".".join(graph.regions[join.region].path) for join in joins if join.region))


def _bypass_part(part: NamedPart, joins: list[Node], index: int) -> tuple[Value, Value]:
    """The output of a part without a skip connection, and the input that replaces it. Raises `PassError` if none fits."""
    entering, leaving = tuple(dict.fromkeys(part.incoming.values())), part.outputs
    if len(entering) == 1 and len(leaving) == 1 and entering[0].shape == leaving[0].shape:
        return leaving[0], entering[0]
    ways = f"{_format_shapes(entering)} goes in, {_format_shapes(leaving)} comes out"
    help = "drop a block that has one, or a part that gives what it gets"
    if any(isinstance(join.op, Concat) for join in joins):
        help = "what a concat adds is part of what all layers behind it read: their weights would not fit without it"
    raise PassError(
        f"{part.name} has no shortcut to fall back on: {ways}", help=help, span=part.span, argument=("drop", index)
    )


def _drop_parts(graph: Graph, lesion_plan: LesionPlan) -> Graph:
    """The network without the nodes that only the dropped parts needed."""
    operands = {
        node.id: tuple(
            _find_replacement(value, lesion_plan.replacements)
            for value in lesion_plan.operands.get(node.id, node.inputs)
        )
        for node in graph.ops
    }
    outputs = {name: _find_replacement(value, lesion_plan.replacements) for name, value in graph.outputs.items()}
    before = find_ancestors(graph, (value.node for value in graph.outputs.values()))
    needed = find_ancestors(graph, (value.node for value in outputs.values()), operands)
    kept = {node.id for node in graph.nodes if not isinstance(node, Node)}
    for node in graph.ops:
        unread = node.id not in before and all(value.node in kept for value in operands[node.id])
        kept |= {node.id} if node.id in needed or unread else set()
    order = [node.id for node in graph.ops if node.id in kept]
    return _rewire_checked(graph, order, operands, outputs, ("drop",))


def _find_replacement(value: Value, replacements: dict[Value, Value]) -> Value:
    """The value at the end of a chain of replacements, which is stored for all values on the way."""
    way: list[Value] = []
    while value in replacements:
        way.append(value)
        value = replacements[value]
    replacements.update(dict.fromkeys(way, value))
    return value


def _swap_parts(graph: Graph, one_part: NamedPart, other_part: NamedPart, index: int) -> Graph:
    """The network with two blocks exchanged."""
    first, second = sorted((one_part, other_part), key=lambda part: part.nodes[0].id)
    _check_pair(first, second, index)
    ((enters, leaves), (enters2, leaves2)) = (_find_single_ends(part, index) for part in (first, second))
    if enters.shape != enters2.shape or leaves.shape != leaves2.shape:
        shapes = f"{enters.shape} to {leaves.shape} and {enters2.shape} to {leaves2.shape}"
        raise _swap_error(f"{first.name} and {second.name} have other shapes: {shapes}", second, index)
    exchanged = {leaves: leaves2, leaves2: leaves}
    ways = ((first, enters, enters2), (second, enters2, enters))
    entry = {id: {own: new} for part, own, new in ways for id in part.node_ids}

    def read(node: Node, value: Value) -> Value:
        own = entry.get(node.id, {})
        if value in own:
            return exchanged.get(own[value], own[value])
        inside = node.id in entry and value.node in (first.node_ids if node.id in first.node_ids else second.node_ids)
        return value if inside else exchanged.get(value, value)

    operands = {node.id: tuple(read(node, value) for value in node.inputs) for node in graph.ops}
    outputs = {name: exchanged.get(value, value) for name, value in graph.outputs.items()}
    ids = [node.id for node in graph.ops]
    start, stop = first.nodes[0].id, second.nodes[-1].id
    between = (id for id in ids if first.nodes[-1].id < id < second.nodes[0].id)
    moved = [*(node.id for node in second.nodes), *between, *(node.id for node in first.nodes)]
    order = [*(id for id in ids if id < start), *moved, *(id for id in ids if id > stop)]
    return _rewire_checked(graph, order, operands, outputs, ("swap", index))


def _check_pair(first: NamedPart, second: NamedPart, index: int) -> None:
    """Raises `PassError` if two parts cannot be exchanged in the tree of names."""
    if first.node_ids & second.node_ids:
        raise _swap_error(f"{first.name} and {second.name} have layers in common", second, index)
    for part in (first, second):
        if part.nodes[-1].id - part.nodes[0].id + 1 != len(part.nodes):
            raise _swap_error(f"{part.name} is used in several places", part, index)
    if first.name.rpartition(".")[0] != second.name.rpartition(".")[0]:
        raise _swap_error(f"{first.name} and {second.name} are not parts of the same stage", second, index)


def _find_single_ends(part: NamedPart, index: int) -> tuple[Value, Value]:
    """The only input and the only output of a part. Raises `PassError` if it has others."""
    entering, leaving = tuple(dict.fromkeys(part.incoming.values())), part.outputs
    if len(entering) != 1 or len(leaving) != 1:
        raise _swap_error(f"{part.name} has {len(entering)} values going in and {len(leaving)} coming out", part, index)
    return entering[0], leaving[0]


def _swap_error(message: str, part: NamedPart, index: int) -> PassError:
    return PassError(message, help=_SWAPPED, span=part.span, argument=("swap", index))


_SWAPPED = "two blocks of one stage can be exchanged if each has one value going in and one coming out, of equal shapes"


def _find_part(graph: Graph, name: str, argument: tuple[str | int, ...], parts: NamedParts | None = None) -> NamedPart:
    try:
        return (parts or NamedParts(graph)).find(name)
    except UnknownPartError as error:
        raise PassError(error.message, help=error.help, argument=argument) from None


def _rewire_checked(
    graph: Graph,
    order: list[int],
    operands: dict[int, tuple[Value, ...]],
    outputs: dict[str, Value],
    argument: tuple[str | int, ...],
) -> Graph:
    """The rewired network. Raises `PassError` if the shape of a remaining weight or of an output would change."""
    try:
        result = rewire_graph(graph, order, operands, outputs)
    except BrokenGraphError as error:
        raise _shape_error(error.reason, error.span, argument) from None
    for name, value in graph.outputs.items():
        before, after = value.shape, result.outputs[name].shape
        if (before.sizes, before.batched) != (after.sizes, after.batched):
            raise _shape_error(f"{name} is {before.described} before and {after.described} after", None, argument)
    return result


def _shape_error(reason: str, span: Span | None, argument: tuple[str | int, ...]) -> PassError:
    return PassError(f"the shapes do not meet any more: {reason}", span=span, argument=argument)


def _format_shapes(values: Iterable[Value]) -> str:
    return ", ".join(str(value.shape) for value in values)


def choose_blocks(graph: Graph, count: int, seed: int) -> tuple[str, ...]:
    """Draws `count` distinct residual blocks at random and returns them in the order of the network; the same seed draws the same.

    Raises:
        PassError: there are fewer residual blocks.
    """
    blocks = residual_blocks(graph)
    if not 0 < count <= len(blocks):
        raise PassError(f"{count} blocks cannot be drawn from the {len(blocks)} residual blocks of this network")
    return tuple(blocks[index] for index in sorted(Random(seed).sample(range(len(blocks)), count)))  # noqa: S311 - no secret
