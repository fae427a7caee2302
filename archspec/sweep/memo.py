"""Elaborates variants of one document, each distinct use of a block once: later uses are one node with known shapes and costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from archspec.analysis.counts import Cost, list_node_costs
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.shape import Shape
from archspec.ops.base import Op
from archspec.spec.block_calls import apply_block, apply_bound_block, bind_block
from archspec.spec.bound_tree import (
    ArgumentUse,
    BlockDef,
    BlockUse,
    Layer,
    OpUse,
    Program,
    ValueUse,
    iter_layers,
    iter_trees,
)
from archspec.spec.budget import Budget
from archspec.spec.elaborator import Elaborator
from archspec.spec.environment import Bundle, Closure, Env, Label, NameScope
from archspec.spec.node_builder import OpCache
from archspec.spec.values import find_names
from archspec.sweep.routes import BlockRoutes, TracedNode
from archspec.sweep.structure import hash_structure
from archspec.sweep.zeros import has_zeros

Key = tuple[Any, ...]
FrozenClosures = dict[int, tuple[Closure, Key]]
"""The keys of layers that are arguments, by the identity of the closure, which is kept so that this stays valid."""
_PLAIN = frozenset((bool, int, float, str, Fraction))


class _UnknownDependencyError(Exception):
    """Raised if it is not known what a use of a block depends on."""


@dataclass(frozen=True, eq=False)
class BlockSummary:
    """What is known of a block with given arguments and input shapes."""

    shapes: tuple[Shape, ...]
    cost: Cost
    routes: BlockRoutes

    @cached_property
    def op(self) -> BlockOp:
        """The op of a node that stands for a use of the block."""
        return BlockOp.model_construct(summary=self)


class BlockOp(Op):
    """A use of a block that was elaborated before, as one node."""

    word = "block"
    category = "shape"
    operands = (0, None)
    internal = True
    summary: Any

    def infer(self, *_: Shape) -> tuple[Shape, ...]:
        return self.summary.shapes  # type: ignore[no-any-return]


class BlockMemo:
    """The summaries of blocks of one document, for all its variants, and the names on which its blocks depend."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.summaries: dict[Key, BlockSummary] = {}
        self.ops = OpCache()
        self.reads: dict[Layer, tuple[str, ...] | None] = {}
        self.closures: dict[Layer, bool] = {}

    def key(self, use: BlockUse, names: Mapping[str, Any], current: Bundle, frozen: FrozenClosures) -> Key | None:
        """What the result of a use of a block depends on; None if that is not known.

        Args:
            use: the use of the block.
            names: the values of the block's arguments and of the document's.
            current: the operands.
            frozen: the keys of closures so far.
        """
        try:
            read = [self.freeze(names[name], frozen) for name in self.find_block_reads(use.block) if name in names]
        except _UnknownDependencyError:
            return None
        return (use.block, *read, *[value.shape for value in current], _find_first_uses(current))

    def freeze(self, value: Any, frozen: FrozenClosures) -> Any:
        """A value of an argument as a part of a key; that of a layer has the values of the names that it reads."""
        kind = value.__class__
        if kind is Closure:
            known = frozen.get(id(value))
            if known is None:
                known = frozen[id(value)] = value, self._freeze_closure(value, frozen)
            return known[1]
        if kind in _PLAIN:
            return kind, value
        if kind is tuple:
            return tuple([self.freeze(item, frozen) for item in value])
        raise _UnknownDependencyError

    def _freeze_closure(self, closure: Closure, frozen: FrozenClosures) -> Key:
        names = closure.env.names
        read = self.find_closure_reads(closure.layer)
        return (id(closure.layer), *[(name, self.freeze(names[name], frozen)) for name in read if name in names])

    def find_closure_reads(self, layer: Layer) -> tuple[str, ...]:
        """The names of arguments that a layer may read. Raises `_UnknownDependencyError` if it reads a value of the place where it is written."""
        if layer not in self.closures:
            reads_values = any(isinstance(inner, ValueUse) or inner.source for inner in iter_layers(layer))
            self.closures[layer] = not reads_values
        if not self.closures[layer]:
            raise _UnknownDependencyError
        return self.find_layer_reads(layer)

    def find_block_reads(self, name: str) -> tuple[str, ...]:
        """The names that the layers of a block may read, in order; an argument that none of them reads is not among them.

        Raises `_UnknownDependencyError` if they are not known.
        """
        return self.find_layer_reads(self.program.blocks[name].body)

    def find_layer_reads(self, layer: Layer) -> tuple[str, ...]:
        """The names of arguments that a layer may read, in order. Raises `_UnknownDependencyError` if they are not known."""
        if layer not in self.reads:
            self.reads[layer] = ()  # blocks are not recursive, but their uses as arguments may look so
            try:
                self.reads[layer] = tuple(sorted(set(self._iter_reads(layer))))
            except _UnknownDependencyError:
                self.reads[layer] = None
        known = self.reads[layer]
        if known is None:
            raise _UnknownDependencyError
        return known

    def _iter_reads(self, layer: Layer) -> Iterator[str]:
        for inner in iter_layers(layer):
            for tree in iter_trees(inner):
                yield from _require_names(tree)
            match inner:
                case ArgumentUse():
                    yield inner.name
                case BlockUse():
                    yield from self._iter_outer_reads(self.program.blocks[inner.block])
                case OpUse():
                    for field in inner.fields:
                        yield from _require_names(field.value)

    def _iter_outer_reads(self, block: BlockDef) -> Iterator[str]:
        """The names that a block may read and that are no arguments of its own, and those of the defaults of its arguments."""
        yield from (name for name in self.find_block_reads(block.name) if name not in block.parameters)
        for parameter in block.parameters.values():
            if isinstance(parameter.default, Layer):
                yield from self.find_layer_reads(parameter.default)
            elif parameter.default is not None:
                yield from _require_names(parameter.default)


def _find_first_uses(current: Bundle) -> tuple[int, ...]:
    """For each operand the first position of the same value, which tells apart f(x, x) and f(x, y)."""
    if len(current) == 1:
        return (0,)
    places = [(value.node, value.index) for value in current]
    return tuple([places.index(place) for place in places])


def _require_names(tree: Any) -> set[str]:
    names = find_names(tree)
    if names is None:
        raise _UnknownDependencyError
    return names


class MemoElaborator(Elaborator):
    """Elaborates a program with the summaries of a memo; its graph has one node for each use of a known block.

    The summaries of blocks that are met for the first time are kept in `found`, to be added to the memo if the network is right.
    """

    def __init__(self, program: Program, budget: Budget, memo: BlockMemo) -> None:
        super().__init__(program, budget)
        self.memo = memo
        self.found: dict[Key, BlockSummary] = {}
        self.frozen: FrozenClosures = {}
        self.bare_uses: dict[Key | None, BlockSummary | None] = {}
        """The blocks that are used without arguments, and so depend on their operands alone in one network."""
        self.builder.cache = memo.ops
        self.apply = {**self.apply, BlockUse: self.apply_known_block}

    def apply_known_block(
        self, use: BlockUse, env: Env, current: Bundle, scope: NameScope, label: Label | None
    ) -> Bundle:
        """The outputs of a block: those of one node if its use is known, else those of its layers, which then are known."""
        if self.is_outside_memo or self.has_unknown(current):
            return apply_block(self, use, env, current, scope, label)
        bare = None if use.arguments else (use.block, *[value.shape for value in current], _find_first_uses(current))
        summary = self.bare_uses.get(bare)
        if summary is None:
            own = bind_block(self, use, env, current)
            key = self.memo.key(use, own.names, current, self.frozen)
            summary = None if key is None else self.memo.summaries.get(key) or self.found.get(key)
        if summary is not None:
            self.bare_uses[bare] = None if bare is None else summary
            self.take_name(scope, label, use.span, env.use)
            return self.add_known_block(use, env, current, summary)
        first, mistakes = len(self.graph.nodes), len(self.mistakes.found)
        outputs = apply_bound_block(self, use, own, env, current, scope, label)
        if key is None or len(self.mistakes.found) > mistakes or not self.is_closed(first, outputs):
            return outputs
        self.found[key] = summary = summarise_nodes(self.graph, first, current, outputs)
        self.remove_nodes(first, current)
        return self.add_known_block(use, env, current, summary)

    @property
    def is_outside_memo(self) -> bool:
        """Whether blocks are elaborated in full: their layers share weights with others, or they are those of a network that is a part."""
        own = self.program.blocks is self.memo.program.blocks
        return self.builder.sharing or bool(self.program.reused) or not own

    def add_known_block(self, use: BlockUse, env: Env, current: Bundle, summary: BlockSummary) -> Bundle:
        outputs = self.graph.add_shaped_node(summary.op, current, summary.shapes, span=use.span, use=env.use)
        if len(outputs) > 1:
            self.mark_read(outputs)
        return outputs

    def is_closed(self, first: int, outputs: Bundle) -> bool:
        """Whether the nodes from one on can be replaced by one: all are read or returned, and the network's checks need none of them."""
        nodes = self.graph.nodes[first:]
        ends = {value.node for value in outputs}
        read = all(node.id in ends or any(value.users for value in node.outputs) for node in nodes)
        plain = all(isinstance(node, Node) and not node.op.indices for node in nodes)
        return bool(nodes) and read and plain and min(ends) >= first

    def remove_nodes(self, first: int, current: Bundle) -> None:
        """Removes the nodes from one on, which read only these values and each other."""
        del self.graph.nodes[first:]  # type: ignore[attr-defined]
        self.may_be_unused = {node for node in self.may_be_unused if node < first}
        for value in current:
            value.users[:] = [user for user in value.users if user < first]  # type: ignore[index]


def summarise_nodes(graph: Graph, first: int, inputs: Bundle, outputs: Bundle) -> BlockSummary:
    """The summary of the nodes from one on, which are those of a block."""
    nodes = [node for node in graph.nodes[first:] if isinstance(node, Node)]
    return BlockSummary(
        tuple(value.shape for value in outputs),
        sum_node_costs(nodes),
        trace_block(nodes, first, inputs, outputs),
    )


def sum_node_costs(nodes: list[Node]) -> Cost:
    """The costs of nodes, known blocks among them."""
    own = (node for node in nodes if not isinstance(node.op, BlockOp))
    known = [node.op.summary.cost for node in nodes if isinstance(node.op, BlockOp)]
    return sum((cost for _, cost in list_node_costs(own)), sum(known, Cost()))


def trace_block(nodes: list[Node], first: int, inputs: Bundle, outputs: Bundle) -> BlockRoutes:
    """The nodes of a block as routes see them."""
    positions: dict[tuple[int, int], int] = {}
    for position, value in enumerate(inputs):
        positions.setdefault((value.node, value.index), position)

    def locate(value: Value) -> tuple[int, int]:
        return (value.node - first, value.index) if value.node >= first else (-1, positions[value.node, value.index])

    traced = [
        TracedNode(
            tuple([locate(value) for value in node.inputs]),
            node.input_shapes,
            node.output_shapes,
            *((None, node.op.summary.routes) if isinstance(node.op, BlockOp) else (node.op,)),
        )
        for node in nodes
    ]
    ends = tuple([locate(value) for value in outputs])
    return BlockRoutes(traced, ends, hash_structure(traced, ends), has_zeros(traced))
