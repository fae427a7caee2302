"""A part of a network as an fx graph: its calls with their wiring, and which module each of them is of."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Mapping
from functools import cache
from typing import Any

from torch import fx

from archspec.backends.layout import Part
from archspec.backends.steps import Ref, Step
from archspec.backends.torch.recompute import Chain, recomputed
from archspec.diagnostics import Use
from archspec.graph import Graph
from archspec.ops.base import Batch, Call, Operand, Result


@cache
def resolve(target: str) -> Any:
    """The class or function of a dotted name."""
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return getattr(resolve(module), name)


class Emitter:
    """Writes the parts of one network as fx graphs."""

    def __init__(self, graph: Graph, chains: Mapping[int, Chain] | None = None) -> None:
        """`chains` are computed as one, by the number of their convolution."""
        self.network = graph.name
        self._graph = graph
        self.chains = dict(chains or {})
        self.inner = {node for chain in self.chains.values() for node in chain.inner}
        self._uses: dict[int, list[dict[str, str]]] = {}

    def emit(self, part: Part, inputs: dict[str, Ref], outputs: list[Ref]) -> fx.Graph:
        """The part's graph. `inputs` are its arguments by name; of several outputs it gives a tuple."""
        writer = _Writer(self, len(part.path))
        for name, ref in inputs.items():
            writer.input(name, ref)
        for item in part.flat:
            if isinstance(item, Part):
                writer.part(item)
            else:
                writer.step(item)
        given = [writer.value(ref) for ref in outputs]
        writer.fx.output(given[0] if len(given) == 1 else tuple(given))
        return writer.fx

    def marks(self, part: Part) -> tuple[int, ...]:
        """The places of a part's chains among its steps."""
        nodes = [item.node.id if isinstance(item, Step) else -1 for item in part.flat]
        return tuple(at for at, node in enumerate(nodes) if node in self.chains)

    def sizes(self, ref: Ref) -> tuple[int, ...] | None:
        """The sizes of a value without the batch; None for one that has none: it does not come from outside."""
        shape = self._graph.nodes[ref[0]].outputs[ref[1]].shape
        return shape.sizes if shape.batched else None

    def place(self, item: Step | Part) -> dict[str, Any]:
        """Where an item stands in the spec: plain data, for `node.meta["custom"]`."""
        if isinstance(item, Part):
            path, op, span, use = item.path, item.scope.kind, item.scope.span, None
        else:
            path = item.path or self._graph.scopes[item.node.scope].path
            op, span, use = item.node.op.word, item.node.span, item.node.use
        place = {"path": ".".join(path), "op": op, "at": str(span), "uses": self._chain(use), "network": self.network}
        return {"archspec": place}

    def _chain(self, use: Use | None) -> list[dict[str, str]]:
        if use is None:
            return []
        if id(use) not in self._uses:
            self._uses[id(use)] = [{"block": str(one), "at": str(one.span)} for one in use.chain()]
        return self._uses[id(use)]


class _Writer:
    """One graph in the making."""

    def __init__(self, emitter: Emitter, start: int) -> None:
        self.fx = fx.Graph()
        self._emitter = emitter
        self._start = start
        self._values: dict[Ref, fx.Node] = {}
        self._several: dict[Ref, tuple[fx.Node, int]] = {}
        self._refs: dict[fx.Node, Ref] = {}
        self._inner: dict[int, Step] = {}

    def input(self, name: str, ref: Ref) -> None:
        self._set(ref, self.fx.placeholder(name))

    def value(self, ref: Ref) -> fx.Node:
        """The fx node of a value; one of several that a node gives is picked where it is first used."""
        if ref not in self._values:
            several, index = self._several[ref]
            picked = self.fx.call_function(operator.getitem, (several, index))
            picked.meta.update(several.meta, operand_sizes=(None,))
            self._set(ref, picked)
        return self._values[ref]

    def part(self, part: Part) -> None:
        args = tuple(self.value(ref) for ref in part.inputs)
        called = self.fx.call_module(".".join(part.path[self._start :]), args)
        self._mark(called, self._emitter.place(part))
        self._give(list(part.outputs), called)

    def step(self, step: Step) -> None:
        if step.node.id in self._emitter.inner:
            self._inner[step.node.id] = step
        elif step.node.id in self._emitter.chains:
            self._chain(self._emitter.chains[step.node.id], step)
        else:
            self._single(step)

    def _chain(self, chain: Chain, conv: Step) -> None:
        """One call for a convolution and what is made again for it, with the modules as arguments."""
        steps = [*(self._inner[node] for node in chain.inner), conv]
        modules = [self.fx.create_node("get_attr", self._place(step)) for step in steps[-3:]]
        parts = [self.value(ref) for ref in steps[0].operands]
        called = self.fx.call_function(recomputed, (*modules, *parts))
        self._mark(called, self._emitter.place(conv))
        self._give([(conv.node.id, 0)], called)

    def _single(self, step: Step) -> None:
        custom = self._emitter.place(step)
        operands = [self.value(ref) for ref in step.operands]
        results: list[fx.Node] = []
        for call in step.kind.calls:
            results.append(self._call(call, step, _Arguments(operands, results, self.fx)))
            self._mark(results[-1], custom)
            results[-1].meta.update(step=step.node.id, batched=step.batched)
        self._give([(step.node.id, index) for index in range(len(step.node.outputs))], results[-1])

    def _call(self, call: Call, step: Step, arguments: _Arguments) -> fx.Node:
        if call.target == "torch.nn.Parameter":
            return self.fx.create_node("get_attr", self._place(step))
        args, kwargs = arguments.fill(call.args), arguments.fill(dict(call.keywords))
        if call.stateful:
            return self.fx.create_node("call_module", self._place(step), args, kwargs)
        if call.target.startswith("."):
            return self.fx.create_node("call_method", call.target[1:], args, kwargs)
        return self.fx.create_node("call_function", resolve(call.target), args, kwargs)

    def _place(self, step: Step) -> str:
        """Where a step's module is in this part."""
        return ".".join(step.path[self._start :])

    def _give(self, refs: list[Ref], node: fx.Node) -> None:
        if len(refs) == 1:
            self._set(refs[0], node)
        else:
            self._several.update((ref, (node, index)) for index, ref in enumerate(refs))

    def _set(self, ref: Ref, node: fx.Node) -> None:
        self._values[ref] = node
        self._refs[node] = ref

    def _mark(self, node: fx.Node, custom: dict[str, Any]) -> None:
        refs = (self._refs.get(operand) for operand in node.all_input_nodes)
        node.meta["custom"] = custom
        node.meta["operand_sizes"] = tuple(None if ref is None else self._emitter.sizes(ref) for ref in refs)


class _Arguments:
    """What stands for `Operand`, `Result` and `Batch` in the calls of one node."""

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
