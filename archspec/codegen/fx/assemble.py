"""Builds a network from blocks, with each module at its path."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Hashable, Mapping
from functools import partial
from math import isqrt
from typing import Literal

import torch
from torch import fx, nn

from archspec.codegen.arguments import make_argument_names, name_part_arguments
from archspec.codegen.errors import BuildError, CheckpointWarning
from archspec.codegen.fx.block import Block
from archspec.codegen.fx.block_class import BlockClass, find_block_class
from archspec.codegen.fx.cuda_graphs import CudaGraphs
from archspec.codegen.fx.emit import GraphEmitter
from archspec.codegen.fx.kernels import select_kernels
from archspec.codegen.fx.recompute import find_recomputable
from archspec.codegen.fx.sequential import SequentialBlock
from archspec.codegen.fx.weights import State, create_state, seed_generators
from archspec.codegen.lowering import LoweredNode
from archspec.codegen.module_tree import (
    ModulePart,
    ModuleTree,
    applies_in_order,
    build_module_tree,
    code_signature,
    digest_structure,
    has_module,
)
from archspec.ir.graph import Graph, Path, Value
from archspec.spec.runtime import pause_garbage_collection

Checkpoint = Literal["blocks", "norms"]
_CHANNELS_LAST = ("cpu", "cuda")
"""Devices whose convolutions are faster on images with the channels last in memory."""
UNNAMED = "layers"
"""The class name of a region without a kind in a printed model."""


def build(
    graph: Graph,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    seed: int | None = 0,
    states: Mapping[Path, State] | None = None,
    checkpoint: Checkpoint | None = None,
    cuda_graph: bool = False,
    named_outputs: bool = True,
) -> fx.GraphModule:
    """Builds a graph as a module in training mode, initialised as its ops say.

    Each region that contains modules is a nested `GraphModule`; the path of a node is the name of its module, and so of its weights
    in the `state_dict`. A part that applies its children in order is an `nn.Sequential`, too. Inputs are tensors with the batch first, in
    the order and by the names of `graph.inputs`; several outputs are returned as a named tuple in the order of `graph.outputs`.

    Args:
        graph: the network.
        device: the device of the weights; on "meta" they have no values.
        dtype: the type of the weights; torch's default if None.
        seed: the same seed gives the same weights on one kind of device and leaves torch's generators as they were; with None
            the weights are drawn from those.
        states: modules and parameters that exist already, by path; they are used as they are.
        checkpoint: what is computed again in the backward pass of training instead of being kept: "blocks", all that is inside a
            block, the outermost with at most √n of the network's n weighted layers (Chen et al. 2016, arXiv:1604.06174, section
            3); "norms", concatenations and the normalisation and ReLU between one and a convolution (`recompute`). Where a network
            has none of that, a `CheckpointWarning` says so.
        cuda_graph: whether calls without gradients replay captured CUDA graphs (`CudaGraphs`).
        named_outputs: whether the tuple of several outputs has names.

    Raises:
        BuildError: CUDA graphs are asked for on another device.
        ValueError: nodes of one path have different options.

    >>> import archspec
    >>> model = build(archspec.load("lstm").graph, device="meta")
    >>> type(model).__name__, model.training
    ('lstm', True)
    """
    target = torch.device(device)
    if cuda_graph and target.type != "cuda":
        raise BuildError(f"a CUDA graph needs a CUDA device, got {target.type}")
    if graph.inference:
        graph = select_kernels(graph, target)
    graph, chains = find_recomputable(graph) if checkpoint == "norms" else (graph, {})
    if checkpoint == "norms" and not chains:
        _warn_checkpoint(f"{graph.name} has no batch normalisation, ReLU and convolution in a row in one block")
    with pause_garbage_collection(), seed_generators(seed, target):
        layout = build_module_tree(graph, inplace_sums=True)
        assembly = _Assembly(
            layout, GraphEmitter(graph, chains, named_outputs=named_outputs), target, dtype, states or {}
        )
        for part in layout.parts[:-1]:
            assembly.add(part, dict(zip(name_part_arguments(part), part.inputs, strict=True)), list(part.outputs))
        names = make_argument_names(list(layout.inputs))
        inputs = dict(zip(names, layout.inputs.values(), strict=True))
        model = assembly.add(layout.parts[-1], inputs, list(layout.outputs.values()))
        if checkpoint == "blocks":
            chosen = choose_checkpointed(layout)
            if not chosen:
                _warn_checkpoint(f"{graph.name} has no block of several weighted layers")
            for path in chosen:
                model.get_submodule(".".join(path)).__dict__["_checkpointed"] = True
        if graph.inference and target.type in _CHANNELS_LAST:
            _put_channels_last(model)
        if cuda_graph:
            model.__dict__["_graphs"] = CudaGraphs(trains=not graph.inference)
        return model


def _warn_checkpoint(reason: str) -> None:
    warnings.warn(f"no memory is saved in training: {reason}", CheckpointWarning, stacklevel=4)


def choose_checkpointed(layout: ModuleTree) -> set[Path]:
    """The paths of the parts that are recomputed as a whole: the outermost with at most √n of the n weighted layers.

    Parts with a single layer are excluded; if all others are larger, the smallest of them set the limit.
    """
    *parts, root = layout.parts
    weighted = Counter[ModulePart]()
    for part in layout.parts:
        for item in part.flattened:
            weighted[part] += weighted[item] if isinstance(item, ModulePart) else item.node.op.weighted
    several = [part for part in parts if weighted[part] > 1]
    limit = max(isqrt(weighted[root]), min((weighted[part] for part in several), default=0))
    chosen: set[Path] = set()
    for part in reversed(several):
        if weighted[part] <= limit and not any(part.path[:end] in chosen for end in range(1, len(part.path))):
            chosen.add(part.path)
    return chosen


class _Assembly:
    """The modules built so far, by path."""

    def __init__(
        self,
        layout: ModuleTree,
        emitter: GraphEmitter,
        device: torch.device,
        dtype: torch.dtype | None,
        states: Mapping[Path, State],
    ) -> None:
        self._emitter = emitter
        self._device, self._dtype = device, dtype
        self._made: dict[Path, State] = dict(states)
        self._forms: dict[int, BlockClass] = {}
        self._texts: dict[Hashable, BlockClass] = {}
        self._calls: dict[int, str] = {}
        self._name = emitter.network
        self._shared_scopes = _find_shared_scopes(layout)

    def add(self, part: ModulePart, inputs: dict[str, Value], outputs: list[Value]) -> Block:
        """Builds the block of a part whose inner parts are built; another use of its path returns the same block."""
        if part.path and part.path in self._made:
            return self._made[part.path]  # type: ignore[return-value]
        form = self._form(part, inputs, outputs)
        block: Block = form.new()
        self._made[part.path] = block
        for item in part.flattened:
            if has_module(item):
                self._put(block, part.path, item.path, self._state(item))
        block._define(partial(self._emitter.emit, part, inputs, outputs))
        return block

    def _form(self, part: ModulePart, inputs: dict[str, Value], outputs: list[Value]) -> BlockClass:
        """The class of a part's block. Classes that differ only in options and shapes share their generated code."""
        if part.path and part.structure_id in self._forms:
            return self._forms[part.structure_id]
        positions = self._emitter.chain_positions(part)
        key = digest_structure(part, inputs, outputs, self._describe)
        name = self._name if not part.path else part.region.kind or UNNAMED
        base = SequentialBlock if self._is_sequential(part) and not positions else Block
        form = find_block_class(name, base, f"{key} {positions} {self._emitter.output_fields(part)}")
        if part.path:
            self._forms[part.structure_id] = form
        if part.path and base is Block:
            same = self._texts.setdefault((code_signature(part), positions), form)
            if form.code is None and same is not form:
                form.adopt(same)
        return form

    def _is_sequential(self, part: ModulePart) -> bool:
        if not part.path or part.path in self._shared_scopes or not applies_in_order(part):
            return False
        return not any(hasattr(nn.Sequential, item.path[-1]) for item in part.flattened)

    def _describe(self, item: LoweredNode | ModulePart) -> str:
        """What an item of a part computes: the key of an inner part's class, the calls of a step and its shapes."""
        if isinstance(item, ModulePart):
            return str(self._made[item.path]._form.key)  # type: ignore[union-attr]
        lowered = item.lowered
        if lowered.id not in self._calls:
            self._calls[lowered.id] = f"{lowered.calls} {item.node.input_shapes}"
        return self._calls[lowered.id]

    def _state(self, item: LoweredNode | ModulePart) -> State:
        if item.path not in self._made:
            assert isinstance(item, LoweredNode), "inner parts are made first"
            self._made[item.path] = create_state(item, self._device, self._dtype)
        return self._made[item.path]

    def _put(self, block: nn.Module, base: Path, path: Path, state: State) -> None:
        """Sets a module as the attribute of the block at its path, inside plain containers for a longer path."""
        owner = block
        for end in range(len(base) + 1, len(path)):
            inner = self._made.setdefault(path[:end], nn.Module())
            setattr(owner, path[end - 1], inner)
            owner = inner  # type: ignore[assignment]
        setattr(owner, path[-1], state)


def _find_shared_scopes(layout: ModuleTree) -> set[Path]:
    """The paths below which parts further out have modules, too."""
    return {
        item.path[:end]
        for part in layout.parts
        for item in part.flattened
        if has_module(item)
        for end in range(len(part.path) + 1, len(item.path))
    }


def _put_channels_last(model: nn.Module) -> None:
    """Converts the 4-dimensional weights to channels-last memory format; `Module.to` refuses 5-dimensional ones."""
    for parameter in model.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
