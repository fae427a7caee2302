"""Defines `Block`, the `GraphModule` of a part of a network; equal parts share one class."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import fx, nn
from torch.fx.graph import PythonCode
from torch.fx.node import map_aggregate
from torch.fx.traceback import has_preserved_node_meta

from archspec.codegen.fx.block_class import BlockClass
from archspec.codegen.fx.branches import skip_dropped_branches
from archspec.codegen.fx.checkpointing import call_checkpointed, can_checkpoint
from archspec.codegen.fx.cuda_graphs import CudaGraphs
from archspec.codegen.fx.error_context import add_error_context, find_assignment
from archspec.codegen.fx.outputs import name_output_type
from archspec.ir.parts import UnknownPartError

KEPT_META = ("custom", "operand_sizes")
"""The keys of `node.meta` that are plain data and are pickled."""


class Block(fx.GraphModule):
    """A part of a network as a module with its own `graph`, `code` and children.

    Blocks of equal structure share a class, and so one `forward` and one entry in the cache of `torch.compile`. Editing a block's
    graph and calling `recompile()` gives that block a class of its own and changes no other. A copy shares the class of its
    original. An exception in a layer gets a note with the layer's name and its span in the spec.
    """

    _form: BlockClass
    _checkpointed: bool = False
    """Whether the values inside are recomputed in the backward pass of training."""
    _graphs: CudaGraphs | None = None
    """Replays captured CUDA graphs, in a whole network that was built with them."""
    __jit_unused_properties__ = [*fx.GraphModule.__jit_unused_properties__, "_graph", "code"]  # noqa: RUF012 - as fx has it
    __jit_ignored_attributes__ = ("_checkpointed", "_graphs")

    @property
    def _graph(self) -> fx.Graph:
        return self._get_written()

    @_graph.setter
    def _graph(self, graph: fx.Graph) -> None:
        self._set_written(graph)

    def _get_written(self) -> fx.Graph:
        if "_written" not in self.__dict__:
            self._set_written(self.__dict__.pop("_unwritten")())
        written: fx.Graph = self.__dict__["_written"]
        return written

    def _set_written(self, graph: fx.Graph) -> None:
        self.__dict__["_written"] = graph
        graph.owning_module = self

    def _define(self, write: Callable[[], fx.Graph]) -> None:
        """Gives a new block its graph; writing it is deferred until it is read, if the class has code, which must match the graph."""
        if self._form.code is None:
            self._set_written(write())
            self._form.compile(self)
        else:
            self.__dict__.update(self._form.attributes, _unwritten=write)

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return object.__new__(cls)  # GraphModule creates a class for each instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # torch.jit.script reads the source of a constructor, and warns of fx's

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_dynamo_compiling():
            return super().__call__(*args, **kwargs)
        try:
            if has_preserved_node_meta() and not kwargs:
                return self._call_by_node(*args)
            if self._graphs is not None:
                return self._graphs(self, super().__call__, self._bind_arguments(args, kwargs))
            if self._checkpointed and self.training and torch.is_grad_enabled() and can_checkpoint(args):
                return call_checkpointed(self, super().__call__, *args, **kwargs)
            return super().__call__(*args, **kwargs)
        except Exception as error:
            add_error_context(error, Block)
            raise

    def _bind_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position."""
        return inspect.signature(self.forward).bind(*args, **kwargs).args if kwargs else args

    def _call_by_node(self, *args: Any) -> Any:
        """Interprets the graph node by node, so that an export sees the meta of each node."""
        self.__dict__["forward"] = fx.Interpreter(self).run
        try:
            return super().__call__(*args)
        finally:
            self.__dict__.pop("forward", None)

    def recompile(self) -> PythonCode:
        """Regenerates `forward` from an edited graph, in this block and those inside it, but not in other blocks of its class."""
        with skip_dropped_branches(self):
            code = self._graph.python_code("self")
        if not self._form.fits(code):
            form = self._form if self._form.code is None else BlockClass(type(self).__name__, Block)
            self.__class__ = form.type  # type: ignore[assignment]
            code = form.compile(self)
        self._recompile_children()
        return code

    def _recompile_children(self) -> None:
        for child in self.children():
            if isinstance(child, fx.GraphModule):
                child.recompile()

    def _recompile_submodules(self) -> list[tuple[str, PythonCode]]:
        return []  # done by `recompile`

    def __deepcopy__(self, memo: dict[int, Any]) -> Block:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        twin._graph = copy.deepcopy(self._graph, memo)
        for hook in self._deepcopy_hooks:
            hook(twin)
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_block, (self._form, list(_serialize_nodes(self._graph)), self.__getstate__())

    def _restore(self, graph: fx.Graph) -> None:
        """Gives a block that is loaded its graph."""
        self._set_written(graph)
        self._form.compile(self)

    def __getstate__(self) -> dict[str, Any]:
        """The attributes that a copy takes over, without the graph and the result of `compile()`."""
        left = ("_written", "_unwritten", "_compiled_call_impl")
        return {name: value for name, value in vars(self).items() if name not in left}

    def _find_node(self, trace: TracebackType) -> tuple[fx.Node | None, Mapping[str, Any]]:
        """The node that `forward` was computing, and the values that it had by the names of their nodes."""
        return find_assignment(self, trace.tb_lineno), trace.tb_frame.f_locals

    def __str__(self) -> str:
        return repr(self)


def find_blocks(model: nn.Module, kind: str | None = None) -> dict[str, Block]:
    """The blocks of a built network by name, inner ones first, to wrap, compile or hook them one by one.

    `kind` is the name of a block in the spec; without it, all regions that contain modules are listed, including stages. A block that
    is used several times with the same weights is listed once.

    Raises:
        UnknownPartError: the network has no block of that kind.

    >>> import archspec
    >>> model = archspec.load("resnet18").build(device="meta")
    >>> list(find_blocks(model, "basic"))[:3]
    ['layer4.1', 'layer4.0', 'layer3.1']
    """
    inside = [
        (name, module) for name, module in model.named_modules() if isinstance(module, Block) and module is not model
    ]
    by_name = {name: block for name, block in reversed(inside) if kind in (None, block._form.name)}
    if kind is not None and not by_name:
        kinds = ", ".join(sorted({block._form.name for _, block in inside})) or "no blocks"
        raise UnknownPartError(f"no block of the kind {kind!r}: the network has {kinds}", None)
    return by_name


@dataclass(frozen=True, slots=True)
class _NodeRef:
    """A reference to a node in a pickled graph, by its index."""

    number: int


def _serialize_nodes(graph: fx.Graph) -> Iterator[tuple[Any, ...]]:
    """A graph's nodes as picklable data."""
    places: dict[fx.Node, _NodeRef] = {}

    def place(leaf: Any) -> Any:
        return places[leaf] if isinstance(leaf, fx.Node) else leaf

    for node in graph.nodes:
        meta = {key: node.meta[key] for key in KEPT_META if key in node.meta}
        yield node.op, node.target, map_aggregate(node.args, place), map_aggregate(node.kwargs, place), node.name, meta
        places[node] = _NodeRef(len(places))


def _restore_block(form: BlockClass, nodes: list[tuple[Any, ...]], state: dict[str, Any]) -> Block:
    graph = fx.Graph()
    made: list[fx.Node] = []

    def node(leaf: Any) -> Any:
        return made[leaf.number] if isinstance(leaf, _NodeRef) else leaf

    for op, target, args, kwargs, name, meta in nodes:
        made.append(graph.create_node(op, target, map_aggregate(args, node), map_aggregate(kwargs, node), name))
        made[-1].meta.update(meta)
    name_output_type(graph)
    block: Block = form.new()
    block.__dict__.update(state)
    block._restore(graph)
    return block
