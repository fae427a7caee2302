"""Objects of a pickle whose classes are not known here: nothing of them is run, and what they were given is kept.

A module that was pickled whole has its tensors in the attributes that `torch.nn.Module` keeps them in.
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
    """What a call in a pickle would have made: the name of what is called, its arguments, and what is put into it afterwards."""

    name: str
    arguments: tuple[Any, ...] = ()
    states: list[Any] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of a `torch.nn.Module`; empty where it is none."""
        given = (*self.states, *self.arguments)
        return next((state for state in given if isinstance(state, dict) and "_modules" in state), {})


def read_module_state(module: PickledObject) -> dict[str, Any]:
    """The `state_dict` of a module that was pickled whole; empty where the object is no module. Raises `FormatError`."""
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
    """Each module with the prefix of its names, as `named_modules` goes through them."""
    if depth > _DEEPEST:
        raise FormatError("a module that is nested too deep")
    attributes = module.attributes
    yield prefix, attributes
    children = attributes.get("_modules")
    for name, child in children.items() if isinstance(children, dict) else ():
        if isinstance(child, PickledObject):
            yield from _iter_modules(child, f"{prefix}{name}.", depth + 1)


def describe_classes(tree: Any) -> str:
    """What is said of the objects in data that are not read, NumPy's numbers and arrays aside; empty where there are none.

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
    """The names of the objects in data, each place of it searched once; a module's own parts are none of them."""
    if id(tree) in searched:
        return
    searched.add(id(tree))
    if isinstance(tree, PickledObject) and not tree.attributes:
        yield tree.name
        yield from _iter_classes(tree.arguments, depth + 1, searched)
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ()
    for part in parts if depth < _SHALLOW else ():
        yield from _iter_classes(part, depth + 1, searched)
