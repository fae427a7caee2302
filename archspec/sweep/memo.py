"""Elaborates variants of one document, each distinct use of a block once: later uses are one node with known shapes and costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from archspec.analysis.counts import Cost, iter_node_costs
from archspec.errors import SpecError
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.shape import Shape
from archspec.ops.base import Op
from archspec.spec.block_calls import apply_block, bind_arguments
from archspec.spec.bound_tree import ArgumentUse, BlockUse, Layer, OpUse, Program, ValueUse, iter_layers, iter_trees
from archspec.spec.budget import Budget
from archspec.spec.elaborator import Elaborator
from archspec.spec.environment import Bundle, Closure, Env, Label, NameScope, ValueFrame
from archspec.spec.values import find_names
from archspec.sweep.routes import BlockRoutes, TracedNode
from archspec.sweep.structure import hash_structure
from archspec.sweep.zeros import has_zeros

Key = tuple[Any, ...]


class _UnknownDependencyError(Exception):
    """Raised if it is not known what a use of a block depends on."""


@dataclass(frozen=True, eq=False)
class BlockSummary:
    """What is known of a block with given arguments and input shapes."""

    shapes: tuple[Shape, ...]
    cost: Cost
    routes: BlockRoutes


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
        self.reads: dict[Layer, frozenset[str]] = {}
        self.block_reads: dict[str, frozenset[str]] = {}

    def key(self, use: BlockUse, own: Mapping[str, Any], document: Mapping[str, Any], current: Bundle) -> Key | None:
        """What the result of a use of a block depends on; None if that is not known.

        Args:
            use: the use of the block.
            own: the values of the block's arguments and of the document's.
            document: the values of the document's arguments.
            current: the operands.
        """
        block = self.program.blocks[use.block]
        try:
            names = (
                *block.parameters,
                *sorted(self.find_block_reads(use.block) & document.keys() - block.parameters.keys()),
            )
            frozen = [self.freeze(own[name]) for name in names]
            return (use.block, *frozen, *[value.shape for value in current], _find_first_uses(current))
        except _UnknownDependencyError:
            return None

    def freeze(self, value: Any) -> Any:
        """A value of an argument as a part of a key; that of a layer has the values of the names that it reads."""
        if isinstance(value, Closure):
            if any(isinstance(layer, ValueUse) or layer.source for layer in iter_layers(value.layer)):
                raise _UnknownDependencyError  # it reads a value of the place where it is written
            names = value.env.names
            read = self.find_reads(value.layer)
            return (id(value.layer), *[(name, self.freeze(names[name])) for name in sorted(read) if name in names])
        if isinstance(value, tuple):
            return tuple(map(self.freeze, value))
        if isinstance(value, bool | int | float | str | Fraction):
            return type(value), value
        raise _UnknownDependencyError

    def find_block_reads(self, name: str) -> frozenset[str]:
        """The names that a block may read, with those that the blocks inside it read."""
        known = self.block_reads.get(name)
        if known is None:
            self.block_reads[name] = frozenset()  # blocks are not recursive, but their uses as arguments may look so
            block = self.program.blocks[name]
            read = {
                name
                for parameter in block.parameters.values()
                if parameter.default is not None and not isinstance(parameter.default, Layer)
                for name in _require_names(parameter.default)
            }
            known = self.block_reads[name] = frozenset(read.union(*map(self.find_reads, block.layers)))
        return known

    def find_reads(self, layer: Layer) -> frozenset[str]:
        """The names of arguments that a layer may read."""
        known = self.reads.get(layer)
        if known is None:
            known = self.reads[layer] = frozenset(self._iter_reads(layer))
        return known

    def _iter_reads(self, layer: Layer) -> Iterator[str]:
        for inner in iter_layers(layer):
            for tree in iter_trees(inner):
                yield from _require_names(tree)
            match inner:
                case ArgumentUse():
                    yield inner.name
                case BlockUse():
                    yield from self.find_block_reads(inner.block)
                case OpUse():
                    for field in inner.fields:
                        yield from _require_names(field.value)


def _find_first_uses(current: Bundle) -> tuple[int, ...]:
    """For each operand the first position of the same value, which tells apart f(x, x) and f(x, y)."""
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
        self.apply = {**self.apply, BlockUse: self.apply_known_block}

    def apply_known_block(
        self, use: BlockUse, env: Env, current: Bundle, scope: NameScope, label: Label | None
    ) -> Bundle:
        """The outputs of a block: those of one node if its use is known, else those of its layers, which then are known."""
        if self.is_outside_memo or self.has_unknown(current):
            return apply_block(self, use, env, current, scope, label)
        key = self.find_key(use, env, current)
        if key is None:
            return apply_block(self, use, env, current, scope, label)
        summary = self.memo.summaries.get(key) or self.found.get(key)
        if summary is not None:
            self.take_name(scope, label, use.span, env.use)
            return self.add_known_block(use, env, current, summary)
        first, mistakes = len(self.graph.nodes), len(self.mistakes.found)
        outputs = apply_block(self, use, env, current, scope, label)
        if len(self.mistakes.found) > mistakes or not self.is_closed(first, outputs):
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
        op = BlockOp.model_construct(summary=summary)
        outputs = self.graph.add_shaped_node(op, current, summary.shapes, span=use.span, use=env.use)
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

    def find_key(self, use: BlockUse, env: Env, current: Bundle) -> Key | None:
        """The key of a use of a block, whose arguments are evaluated for it; None if there is none."""
        chosen = self.program.blocks[use.block]
        if chosen.inputs and len(chosen.inputs) != len(current):
            return None
        own = Env(dict(self.document.names), ValueFrame(values={"input": current}))
        mistakes = len(self.mistakes.found)
        bind_arguments(self, chosen.parameters, use.arguments, env, own, current, chosen.name)
        if len(self.mistakes.found) != mistakes:
            raise SpecError(*self.mistakes.found[mistakes:])
        return self.memo.key(use, own.names, self.document.names, current)


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
    own = _NodeList(tuple(node for node in nodes if not isinstance(node.op, BlockOp)))
    known = [node.op.summary.cost for node in nodes if isinstance(node.op, BlockOp)]
    return sum((cost for _, cost in iter_node_costs(own)), sum(known, Cost()))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _NodeList:
    """Some nodes of a graph, in order."""

    ops: tuple[Node, ...]


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
            **({"block": node.op.summary.routes} if isinstance(node.op, BlockOp) else {"op": node.op}),
        )
        for node in nodes
    ]
    ends = tuple([locate(value) for value in outputs])
    return BlockRoutes(traced, ends, hash_structure(traced, ends), has_zeros(traced))
