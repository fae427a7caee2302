"""Objects of a pickle with unknown classes, kept as their name, arguments and state.

A pickled module has its tensors in the attributes of `torch.nn.Module`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.printable import list_some

_DEEPEST = 64
_MOST_MODULES = 100_000
_SHALLOW, _MOST_OBJECTS, _SHOWN = 4, 10_000, 6


@dataclass(eq=False, slots=True)
class PickledObject:
    """The result of a call in a pickle: the name of the callee, its arguments, and the states set afterwards."""

    name: str
    arguments: tuple[Any, ...] = ()
    states: list[Any] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a `torch.nn.Module`; empty for other objects."""
        given = (*self.states, *self.arguments)
        return next((state for state in given if isinstance(state, dict) and "_modules" in state), {})


def read_module_state(module: PickledObject) -> dict[str, Any]:
    """The `state_dict` of a pickled module; empty for other objects. Raises `FormatError`."""
    state: dict[str, Any] = {}
    for count, (prefix, attributes) in enumerate(_iter_modules(module, "", 0)):
        if count > _MOST_MODULES:
            raise FormatError(f"a module with more than {_MOST_MODULES:,} modules in it")
        passing = attributes.get("_non_persistent_buffers_set") or ()
        for kind in ("_parameters", "_buffers"):
            tensors = attributes.get(kind)
            if isinstance(tensors, dict):
                chosen = {name: part for name, part in tensors.items() if part is not None and name not in passing}
                state |= {f"{prefix}{name}": part for name, part in chosen.items()}
    return state


def _iter_modules(module: PickledObject, prefix: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each module with its prefix, in the order of `named_modules`."""
    if depth > _DEEPEST:
        raise FormatError("a module that is nested too deep")
    attributes = module.attributes
    yield prefix, attributes
    children = attributes.get("_modules")
    for name, child in children.items() if isinstance(children, dict) else ():
        if isinstance(child, PickledObject):
            yield from _iter_modules(child, f"{prefix}{name}.", depth + 1)


def describe_classes(tree: Any) -> str:
    """A remark on objects in data that are not read, except NumPy's; empty if there are none.

    >>> describe_classes({"args": PickledObject("argparse.Namespace"), "epoch": 3})
    'argparse.Namespace in it was not read'
    """
    names = [
        quote_name(name)
        for name in dict.fromkeys(islice(_iter_classes(tree, 0, set()), _MOST_OBJECTS))
        if "numpy." not in name
    ]
    return f"{list_some(names, _SHOWN)} in it {'was' if len(names) == 1 else 'were'} not read" if names else ""


def _iter_classes(tree: Any, depth: int, searched: set[int]) -> Iterator[str]:
    """Yields the class names of the objects in data, without the parts of modules; each part is searched once."""
    if id(tree) in searched:
        return
    searched.add(id(tree))
    if isinstance(tree, PickledObject) and not tree.attributes:
        yield tree.name
        yield from _iter_classes(tree.arguments, depth + 1, searched)
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ()
    for part in parts if depth < _SHALLOW else ():
        yield from _iter_classes(part, depth + 1, searched)
