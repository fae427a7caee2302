"""Parts that apply their children in order: each is an `nn.Sequential`, and its graph follows its children."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, TracebackType
from typing import Any, Self

from torch import fx, nn
from torch._jit_internal import _copy_to_script_wrapper
from torch.fx.graph import PythonCode

from archspec.codegen.fx.block import Block
from archspec.codegen.fx.block_class import BlockClass, copy_function

_SOURCE = """\
def forward(self, x):
    for module in self:
        x = module(x)
    return x
"""
_defined: dict[str, FunctionType] = {}
exec(_SOURCE, _defined)  # noqa: S102 - without annotations, so that torch.jit.script takes values of any type


class SequentialBlock(Block, nn.Sequential):
    """A block that applies its children in order, with all that `nn.Sequential` has: index, slice, `append`, `del`.

    Its children are the truth: where they have changed, its `graph` and `code` are written anew when they are asked for. An edit
    of the graph followed by `recompile()` makes it a plain block, unless the graph still applies the children in order. A module
    that fx's `add_submodule` adds is for such an edit: it makes it a plain block, too, that does not call the module.

    >>> import archspec
    >>> model = archspec.load("resnet18").build(device="meta")
    >>> isinstance(model.layer1, nn.Sequential), len(model.layer1), type(model.layer1[-1]).__name__
    (True, 2, 'basic')
    >>> del model.layer1[0]
    >>> [node.target for node in model.layer1.graph.nodes if node.op == "call_module"]
    ['0']
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.forward = copy_function(_defined["forward"], _SOURCE)  # type: ignore[method-assign]

    def _define(self, write: Callable[[], fx.Graph]) -> None:
        self.__dict__.update(_unwritten=write, _followed=tuple(self._modules))

    @property
    def _graph(self) -> fx.Graph:
        graph = self._get_written()
        if tuple(self._modules) != self._followed and list_chain(graph) == self._followed:
            self._rewrite(graph, {str(node.target): node for node in graph.find_nodes(op="call_module")})
        return graph

    @_graph.setter
    def _graph(self, graph: fx.Graph) -> None:
        self._set_written(graph)

    def _rewrite(self, graph: fx.Graph, nodes: Mapping[str, fx.Node]) -> None:
        """Has an unedited graph call the children as they are now; `nodes` are the calls that it has of some of them."""
        (value,), (output,) = graph.find_nodes(op="placeholder"), graph.find_nodes(op="output")
        unused = set(graph.find_nodes(op="call_module")) - {nodes.get(name) for name in self._modules}
        for name in self._modules:
            with graph.inserting_before(output):
                node = nodes[name] if name in nodes else graph.create_node("call_module", name, (value,))
            output.prepend(node)
            node.target, node.args = name, (value,)
            value = node
        output.args = (value,)
        for node in sorted(unused, reverse=True):
            graph.erase_node(node)
        self._followed = tuple(self._modules)

    @contextmanager
    def _renumbering(self) -> Iterator[None]:
        """While children get other names: the call of a child stays its own, with its place in the spec."""
        graph, before = self._graph, dict(self._modules)
        edited = list_chain(graph) != self._followed
        yield
        if not edited:
            calls = {id(before[str(node.target)]): node for node in graph.find_nodes(op="call_module")}
            children = self._modules.items()
            self._rewrite(graph, {name: calls[id(child)] for name, child in children if id(child) in calls})

    def _restore(self, graph: fx.Graph) -> None:
        self._set_written(graph)

    @property
    def code(self) -> str:
        return self._graph.python_code("self").src

    @_copy_to_script_wrapper
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self._modules.items())[index]))
        return self._get_item_by_idx(self._modules.values(), index)

    def __delitem__(self, index: int | slice) -> None:
        with self._renumbering():
            super().__delitem__(index)

    def insert(self, index: int, module: nn.Module) -> Self:
        with self._renumbering():
            return super().insert(index, module)

    def add_submodule(self, target: str, m: nn.Module) -> bool:
        if "." not in target:
            self._become_plain()
        return Block.add_submodule(self, target, m)

    def recompile(self) -> PythonCode:
        if list_chain(self._graph) != tuple(self._modules):
            self._become_plain()
            return Block.recompile(self)
        self._recompile_children()
        return self._graph.python_code("self")

    def _become_plain(self) -> None:
        """Makes the block one that runs its graph."""
        graph = self._graph
        form = BlockClass(type(self).__name__, Block)
        del self.__dict__["_followed"]
        self.__class__ = form.type  # type: ignore[assignment]
        self._set_written(graph)
        form.compile(self)

    def __copy__(self) -> SequentialBlock:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__getstate__(), _modules=self._modules.copy())
        twin._graph = copy.deepcopy(self._graph)
        return twin

    def _find_node(self, trace: TracebackType) -> tuple[fx.Node | None, Mapping[str, Any]]:
        values = trace.tb_frame.f_locals
        for node in self._graph.find_nodes(op="call_module"):
            if self._modules.get(str(node.target)) is values.get("module"):
                return node, {node.all_input_nodes[0].name: values["x"]}
        return None, {}


def list_chain(graph: fx.Graph) -> tuple[str, ...] | None:
    """The modules that a graph calls, if it is a chain of calls of modules and nothing else."""
    first, *calls, last = graph.nodes
    value = first
    for node in calls:
        if node.op != "call_module" or node.args != (value,) or node.kwargs:
            return None
        value = node
    return tuple(str(node.target) for node in calls) if last.args == (value,) else None
