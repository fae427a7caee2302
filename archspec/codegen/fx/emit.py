"""Emits the parts of a network as fx graphs."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from torch import fx

from archspec.codegen.fx.outputs import make_output_type, name_fields, name_output_type
from archspec.codegen.fx.recompute import NormReluConv, call_recomputed
from archspec.codegen.lowering import LoweredNode
from archspec.codegen.module_tree import ModulePart
from archspec.ir.graph import Graph, Value
from archspec.ops.base import Batch, Call, Operand, Result
from archspec.spans import Use


@cache
def resolve_target(target: str) -> Any:
    """The class or function of a dotted name."""
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return getattr(resolve_target(module), name)


class GraphEmitter:
    """Emits the parts of one network as fx graphs."""

    def __init__(
        self, graph: Graph, chains: Mapping[int, NormReluConv] | None = None, *, named_outputs: bool = True
    ) -> None:
        """`chains`, by the id of their convolution, are emitted as one call each."""
        self.network = graph.name
        self._graph = graph
        self._named = named_outputs and len(graph.outputs) > 1
        self.chains = dict(chains or {})
        self.inner = {node for chain in self.chains.values() for node in chain.inner}
        self._uses: dict[int, list[dict[str, str]]] = {}

    def emit(self, part: ModulePart, inputs: dict[str, Value], outputs: Iterable[Value]) -> fx.Graph:
        """The graph of a part. `inputs` are its arguments by name; several outputs are returned as a tuple."""
        writer = _GraphWriter(self, len(part.path))
        for name, value in inputs.items():
            writer.input(name, value)
        for item in part.flattened:
            if isinstance(item, ModulePart):
                writer.part(item)
            else:
                writer.step(item)
        given = list(map(writer.value, outputs))
        fields = self.output_fields(part)
        several = make_output_type(fields)(*given) if fields else tuple(given)
        writer.fx.output(given[0] if len(given) == 1 else several)
        name_output_type(writer.fx)
        return writer.fx

    def output_fields(self, part: ModulePart) -> tuple[str, ...]:
        """The fields of the named tuple that the network returns; none for other parts."""
        return name_fields(self._graph.outputs) if self._named and not part.path else ()

    def chain_positions(self, part: ModulePart) -> tuple[int, ...]:
        """The positions of a part's chains among its steps."""
        nodes = [item.node.id if isinstance(item, LoweredNode) else -1 for item in part.flattened]
        return tuple(position for position, node in enumerate(nodes) if node in self.chains)

    def spec_location(self, item: LoweredNode | ModulePart) -> dict[str, Any]:
        """The span of an item in the spec as plain data, for `node.meta["custom"]`."""
        if isinstance(item, ModulePart):
            path, op, span, use = item.path, item.region.kind, item.region.span, None
        else:
            path = item.path or self._graph.regions[item.node.region].path
            op, span, use = item.node.op.word, item.node.span, item.node.use
        place = {
            "path": ".".join(path),
            "op": op,
            "at": str(span),
            "uses": self._enclosing_uses(use),
            "network": self.network,
        }
        return {"archspec": place}

    def _enclosing_uses(self, use: Use | None) -> list[dict[str, str]]:
        if use is None:
            return []
        if id(use) not in self._uses:
            self._uses[id(use)] = [
                {"block": str(enclosing), "at": str(enclosing.span)} for enclosing in use.enclosing_uses()
            ]
        return self._uses[id(use)]


class _GraphWriter:
    """Writes one fx graph."""

    def __init__(self, emitter: GraphEmitter, start: int) -> None:
        self.fx = fx.Graph()
        self._emitter = emitter
        self._start = start
        self._nodes: dict[Value, fx.Node] = {}
        self._several: dict[Value, tuple[fx.Node, int]] = {}
        self._sizes: dict[fx.Node, tuple[int, ...] | None] = {}
        """The sizes of values without the batch; None for a value without a batch axis."""
        self._inner: dict[int, LoweredNode] = {}

    def input(self, name: str, value: Value) -> None:
        self._set(value, self.fx.placeholder(name))

    def value(self, value: Value) -> fx.Node:
        """The fx node of a value; an output of a tuple is extracted at its first use."""
        if value not in self._nodes:
            several, index = self._several[value]
            picked = self.fx.call_function(operator.getitem, (several, index))
            picked.meta.update(several.meta, operand_sizes=(None,))
            self._set(value, picked)
        return self._nodes[value]

    def part(self, part: ModulePart) -> None:
        args = tuple(map(self.value, part.inputs))
        called = self.fx.call_module(".".join(part.path[self._start :]), args)
        self._mark(called, self._emitter.spec_location(part))
        self._give(part.outputs, called)

    def step(self, step: LoweredNode) -> None:
        if step.node.id in self._emitter.inner:
            self._inner[step.node.id] = step
        elif step.node.id in self._emitter.chains:
            self._chain(self._emitter.chains[step.node.id], step)
        else:
            self._single(step)

    def _chain(self, chain: NormReluConv, conv: LoweredNode) -> None:
        """Emits one call for a chain, with its modules as arguments."""
        steps = [*(self._inner[node] for node in chain.inner), conv]
        modules = [self.fx.create_node("get_attr", self._place(step)) for step in steps[-3:]]
        parts = list(map(self.value, steps[0].operands))
        called = self.fx.call_function(call_recomputed, (*modules, *parts))
        self._mark(called, self._emitter.spec_location(conv))
        self._give(conv.node.outputs, called)

    def _single(self, step: LoweredNode) -> None:
        custom = self._emitter.spec_location(step)
        operands = list(map(self.value, step.operands))
        results: list[fx.Node] = []
        for call in step.lowered.calls:
            results.append(self._call(call, step, _Arguments(operands, results, self.fx)))
            self._mark(results[-1], custom)
            results[-1].meta.update(step=step.node.id, aligned=step.aligned)
        self._give(step.node.outputs, results[-1])

    def _call(self, call: Call, step: LoweredNode, arguments: _Arguments) -> fx.Node:
        if call.is_tensor:
            return self.fx.create_node("get_attr", self._place(step))
        args, kwargs = arguments.fill(call.args), arguments.fill(dict(call.keywords))
        if call.stateful:
            return self.fx.create_node("call_module", self._place(step), args, kwargs)
        if call.target.startswith("."):
            return self.fx.create_node("call_method", call.target[1:], args, kwargs)
        return self.fx.create_node("call_function", resolve_target(call.target), args, kwargs)

    def _place(self, step: LoweredNode) -> str:
        """The name of a step's module in this part."""
        return ".".join(step.path[self._start :])

    def _give(self, values: tuple[Value, ...], node: fx.Node) -> None:
        if len(values) == 1:
            self._set(values[0], node)
        else:
            self._several.update((value, (node, index)) for index, value in enumerate(values))

    def _set(self, value: Value, node: fx.Node) -> None:
        self._nodes[value] = node
        self._sizes[node] = value.shape.sizes if value.shape.batched else None

    def _mark(self, node: fx.Node, custom: dict[str, Any]) -> None:
        node.meta["custom"] = custom
        node.meta["operand_sizes"] = tuple(self._sizes.get(operand) for operand in node.all_input_nodes)


class _Arguments:
    """Replaces `Operand`, `Result` and `Batch` in the calls of one node by fx nodes."""

    def __init__(self, operands: list[fx.Node], results: list[fx.Node], graph: fx.Graph) -> None:
        self._operands, self._results, self._graph = operands, results, graph

    def fill(self, given: Any) -> Any:
        if isinstance(given, Operand):
            return self._operands[given.index]
        if isinstance(given, Result):
            return self._results[given.index]
        if isinstance(given, Batch):
            return self._graph.call_method("size", (self._operands[given.index], 0))
        if isinstance(given, tuple | list):
            return type(given)(map(self.fill, given))
        if isinstance(given, dict):
            return {name: self.fill(value) for name, value in given.items()}
        return given
