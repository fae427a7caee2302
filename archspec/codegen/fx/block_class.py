"""The classes of blocks: one for each structure, in all networks of a process."""

from __future__ import annotations

import copy
import itertools
import linecache
import threading
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any
from weakref import WeakValueDictionary

from torch import fx, nn
from torch.fx.graph import PythonCode

from archspec.codegen.arguments import make_identifier
from archspec.codegen.fx.branches import skip_dropped_branches

_FX_STATE = {
    name: value
    for name, value in vars(fx.GraphModule(nn.Module(), fx.Graph())).items()
    if name != "_graph" and name not in vars(nn.Module())
}
"""What fx's constructor gives each GraphModule of its own. To copy it is much quicker than to call that constructor."""

_numbers = itertools.count()
_lock = threading.RLock()


@dataclass(eq=False)
class BlockClass:
    """What blocks of equal structure share: a name, a class with its `forward`, and what fx knows of its code.

    `key` is equal for equal structures; it is None for a class that is no other network's: that of an edited graph.
    """

    name: str
    base: type[fx.GraphModule]
    key: str | None = None
    type: type[fx.GraphModule] = field(init=False)
    code: PythonCode | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        script_name = f"__torch__.archspec.{make_identifier(self.name)}"
        members = {"__module__": self.base.__module__, "_form": self, "_jit_override_qualname": script_name}
        self.type = type(self.name, (self.base,), members)
        self.type.__call__ = copy_function(self.base.__call__)  # type: ignore[method-assign]

    def __reduce__(self) -> tuple[Any, ...]:
        return find_block_class, (self.name, self.base, self.key)

    def new(self) -> Any:
        """A block of this form, without a graph and without children."""
        block = object.__new__(self.type)
        nn.Module.__init__(block)
        block.__dict__.update((name, copy.copy(value)) for name, value in _FX_STATE.items())
        return block

    def compile(self, block: fx.GraphModule) -> PythonCode:
        """Makes the class's `forward` of the block's graph, unless it has one."""
        with _lock:
            if self.code is None:
                call = self.type.__call__
                before = {name: id(value) for name, value in vars(block).items()}
                with skip_dropped_branches(block):
                    self.code = fx.GraphModule.recompile(block)
                # A call goes through Block.__call__, not through fx's, which prints to stderr where it fails.
                self.type.__call__ = call  # type: ignore[method-assign]
                self.attributes = {name: value for name, value in vars(block).items() if before.get(name) != id(value)}
        return self.code

    def adopt(self, other: BlockClass) -> None:
        """Takes the text of another form's code, but as a code object of its own."""
        assert other.code is not None, "what is adopted is compiled first"
        self.type.forward = copy_function(other.type.forward, other.code.src)
        self.code, self.attributes = other.code, other.attributes

    def fits(self, code: PythonCode) -> bool:
        return self.code is not None and (self.code.src, self.code.globals) == (code.src, code.globals)


def find_block_class(name: str, base: type[fx.GraphModule], key: str | None = None) -> BlockClass:
    """The class of all blocks of a structure; it lives as long as one of them."""
    if key is None:
        return BlockClass(name, base)
    with _lock:
        form = _classes.get((name, base, key))
        if form is None:
            form = _classes[name, base, key] = BlockClass(name, base, key)
        return form


_classes: WeakValueDictionary[tuple[str, type[fx.GraphModule], str], BlockClass] = WeakValueDictionary()


def copy_function(function: Any, source: str | None = None) -> FunctionType:
    """A function with a code object of its own, for which `torch.compile` has a cache of its own.

    `source` is found where Python looks for that of the function, unless it has a file.
    """
    code = function.__code__.replace()
    if source is not None:
        filename = f"<archspec block {next(_numbers)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        code = code.replace(co_filename=filename)
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
