"""Builds a network: its parts as blocks, each module at its path, shared where the graph shares it."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import fx, nn
from torch.fx.graph import PythonCode

from archspec.backends.torch.block import Block, Form
from archspec.backends.torch.emit import Emitter, argument_names
from archspec.backends.torch.layout import Part, lay_out, wording
from archspec.backends.torch.steps import Ref, Step
from archspec.backends.torch.weights import State, initialise, make, seeded
from archspec.graph import Graph, Path

UNNAMED = "layers"
"""What a scope that only groups is called in a printed model."""


def build(
    graph: Graph,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    seed: int | None = 0,
) -> fx.GraphModule:
    """A graph as a module, in train mode and initialised as its ops say.

    Each scope that holds modules is a nested `GraphModule`; the path of a node is the name of its module, hence of its
    weights in the `state_dict`. Inputs are tensors with the batch first, in the order and by the names of `graph.inputs`;
    of several outputs the module gives a tuple in the order of `graph.outputs`.

    `dtype` is that of the weights, torch's default if None. The same `seed` gives the same weights on one kind of device and
    leaves torch's generators as they were; with None the weights are drawn from those. On the device "meta" the weights
    have no values. Raises `ValueError` where nodes of one path have different options.
    """
    target = torch.device(device)
    layout = lay_out(graph)
    with seeded(seed, target):
        assembly = _Assembly(graph, target, dtype)
        for part in layout.parts[:-1]:
            names = argument_names(["x"] if len(part.inputs) == 1 else [f"x{at}" for at in range(len(part.inputs))])
            assembly.add(part, dict(zip(names, part.inputs, strict=True)), list(part.outputs))
        names = argument_names(list(layout.inputs))
        inputs = dict(zip(names, layout.inputs.values(), strict=True))
        return assembly.add(layout.parts[-1], inputs, list(layout.outputs.values()))


class _Assembly:
    """The modules made so far, by path."""

    def __init__(self, graph: Graph, device: torch.device, dtype: torch.dtype | None) -> None:
        self._emitter = Emitter(graph)
        self._device, self._dtype = device, dtype
        self._made: dict[Path, State] = {}
        self._forms: dict[int, Form] = {}
        self._codes: dict[Hashable, PythonCode | None] = {}
        self._name = graph.name

    def add(self, part: Part, inputs: dict[str, Ref], outputs: list[Ref]) -> Block:
        """Makes the block of a part whose inner parts are made, unless another use of its path has made it."""
        if part.path and part.path in self._made:
            return self._made[part.path]  # type: ignore[return-value]
        graph, modules = self._emitter.emit(part, inputs, outputs)
        name = part.scope.kind or UNNAMED if part.path else self._name
        form = self._forms.get(part.form) or self._forms.setdefault(part.form, Form(name))
        block = form.new()
        self._made[part.path] = block
        for path, item in modules.items():
            self._put(block, part.path, path, self._state(path, item))
        self._give(form, block, graph, part)
        return block

    def _give(self, form: Form, block: Block, graph: fx.Graph, part: Part) -> None:
        """Gives a block its graph. Forms that differ only in options and shapes have one text, which is written once."""
        if form.code is not None or not part.path:
            form.give(block, graph)
            return
        key = wording(part)
        form.give(block, graph, self._codes.get(key))
        self._codes[key] = form.code

    def _state(self, path: Path, item: Step | Part) -> State:
        if path not in self._made:
            assert isinstance(item, Step) and item.kind.state is not None, "inner parts are made first"
            self._made[path] = state = make(item.kind.state, self._device, self._dtype)
            if self._device.type != "meta":
                initialise(state, item.node.op)
        return self._made[path]

    def _put(self, block: nn.Module, base: Path, path: Path, state: State) -> None:
        """Makes a module the attribute of the block that its path says, in plain containers where the path is longer."""
        owner = block
        for end in range(len(base) + 1, len(path)):
            inner = self._made.setdefault(path[:end], nn.Module())
            setattr(owner, path[end - 1], inner)
            owner = inner  # type: ignore[assignment]
        setattr(owner, path[-1], state)
