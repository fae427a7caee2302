"""The `GraphModule` of a part of a network: equal parts share one class, and an error in one says where it stands."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import fx, nn
from torch.fx.graph import PythonCode
from torch.fx.node import map_aggregate
from torch.fx.traceback import has_preserved_node_meta

from archspec.backends.torch.fault import locate

KEPT_META = ("custom", "operand_sizes")
"""What of `node.meta` is plain data, and so is pickled."""


@dataclass(eq=False)
class Form:
    """What blocks of equal structure share: a name, a class with its `forward`, and what fx knows of its code."""

    name: str
    type: type[Block] = field(init=False)
    code: PythonCode | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.type = type(self.name, (Block,), {"__module__": __name__, "_form": self})

    def __reduce__(self) -> tuple[Any, ...]:
        return Form, (self.name,)

    def new(self) -> Block:
        """A block of this form, without a graph and without children."""
        block = object.__new__(self.type)
        fx.GraphModule.__init__(block, nn.Module(), fx.Graph(), self.name)
        return block

    def give(self, block: Block, graph: fx.Graph, code: PythonCode | None = None) -> None:
        """Gives a block its graph; the first graph that comes is compiled, the next ones must be equal to it.

        `code` is the graph's, where it is known already.
        """
        block._graph = graph
        graph.owning_module = block
        if self.code is not None:
            block.__dict__.update(self.attributes)
        elif code is None:
            self.compile(block)
        else:
            block._graph = _Coded(code)
            self.compile(block)
            block._graph = graph

    def compile(self, block: Block) -> PythonCode:
        """Makes the class's `forward` of the block's graph."""
        before = {name: id(value) for name, value in vars(block).items()}
        self.code = fx.GraphModule.recompile(block)
        # A call goes through Block.__call__, not through fx's, which prints to stderr where it fails.
        del self.type.__call__
        self.attributes = {name: value for name, value in vars(block).items() if before.get(name) != id(value)}
        return self.code

    def fits(self, code: PythonCode) -> bool:
        return self.code is not None and (self.code.src, self.code.globals) == (code.src, code.globals)


class _Coded(fx.Graph):
    """Stands for a graph whose code is known."""

    def __init__(self, code: PythonCode) -> None:
        super().__init__()
        self._code = code

    def python_code(self, *args: Any, **kwargs: Any) -> PythonCode:
        return self._code


_NO_CODE = fx.Graph().python_code("self")


class Block(fx.GraphModule):
    """A part of a network as a module with its own `graph`, `code` and children.

    Blocks of equal structure have one class, hence one `forward` and one entry in the cache of `torch.compile`. An edit of a
    block's graph followed by `recompile()` gives that block a class of its own and changes no other. A copy shares the class
    of its original. Where a layer fails, the exception gets a note with the layer's name and its place in the spec.
    """

    _form: Form

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return object.__new__(cls)  # GraphModule would make a class for each instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_dynamo_compiling():
            return super().__call__(*args, **kwargs)
        try:
            if has_preserved_node_meta() and not kwargs:
                return self._call_by_node(*args)
            return super().__call__(*args, **kwargs)
        except Exception as error:
            locate(error, Block)
            raise

    def _call_by_node(self, *args: Any) -> Any:
        """Calls the module with its graph interpreted, so that an export sees the meta of each node and not only of the block."""
        self.__dict__["forward"] = fx.Interpreter(self).run
        try:
            return super().__call__(*args)
        finally:
            self.__dict__.pop("forward", None)

    def recompile(self) -> PythonCode:
        """Makes `forward` follow an edited graph, in this block and in those inside it, but not in its equals."""
        if not len(self._graph.nodes):
            return _NO_CODE  # GraphModule's constructor; the graph is yet to come
        code = self._graph.python_code("self")
        if not self._form.fits(code):
            form = self._form if self._form.code is None else Form(type(self).__name__)
            self.__class__ = form.type
            code = form.compile(self)
        for child in self.children():
            if isinstance(child, fx.GraphModule):
                child.recompile()
        return code

    def _recompile_submodules(self) -> list[tuple[str, PythonCode]]:
        return []  # `recompile` does it, where it is asked for

    def __deepcopy__(self, memo: dict[int, Any]) -> Block:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        twin._graph.owning_module = twin
        for hook in self._deepcopy_hooks:
            hook(twin)
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__getstate__().items() if name != "_graph"}
        return _restore, (self._form, list(_plain(self._graph)), state)

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True)
class _Place:
    """In a pickled graph: node number `number`."""

    number: int


def _plain(graph: fx.Graph) -> Iterator[tuple[Any, ...]]:
    """A graph's nodes as data that holds no node."""
    places: dict[fx.Node, _Place] = {}

    def place(leaf: Any) -> Any:
        return places[leaf] if isinstance(leaf, fx.Node) else leaf

    for node in graph.nodes:
        meta = {key: node.meta[key] for key in KEPT_META if key in node.meta}
        yield node.op, node.target, map_aggregate(node.args, place), map_aggregate(node.kwargs, place), node.name, meta
        places[node] = _Place(len(places))


def _restore(form: Form, nodes: list[tuple[Any, ...]], state: dict[str, Any]) -> Block:
    graph, made = fx.Graph(), []

    def node(leaf: Any) -> Any:
        return made[leaf.number] if isinstance(leaf, _Place) else leaf

    for op, target, args, kwargs, name, meta in nodes:
        made.append(graph.create_node(op, target, map_aggregate(args, node), map_aggregate(kwargs, node), name))
        made[-1].meta.update(meta)
    block = form.new()
    block.__setstate__(state)
    form.give(block, graph)
    return block
