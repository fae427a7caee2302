"""Finds the mappings from names to tensors inside a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import torch

from archspec.codegen.fx.weight_files.errors import quote_name
from archspec.codegen.fx.weight_files.pickled_object import PickledObject, describe_classes, read_module_state
from archspec.codegen.fx.weight_files.stored import ShardedTensor, StoredTensor, Unreadable
from archspec.printable import list_some

_DEEPEST, _MOST = 2, 64
_SHOWN = 8


class Described(Protocol):
    """A tensor, or one whose values have not been read."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> torch.dtype: ...


@dataclass(frozen=True, slots=True)
class TensorMapping:
    """Tensors by name, with their place in a checkpoint."""

    keys: tuple[str, ...]
    """The keys that lead to it; empty if it is the whole checkpoint."""
    tensors: dict[str, Described]
    others: dict[Any, Any] = field(default_factory=dict)
    """The other values of the mapping."""
    module: str = ""
    """The class of the module, if a whole module was pickled."""

    @property
    def place(self) -> str:
        return ".".join(map(quote_name, self.keys))


def find_mappings(tree: Any) -> list[TensorMapping]:
    """All mappings from names to tensors, outer ones first, at most two keys deep. Raises `FormatError`.

    >>> a = torch.zeros(1)
    >>> [found.keys for found in find_mappings({"epoch": 3, "model": {"fc.bias": a}, "ema": {"module": {"fc.bias": a}}})]
    [('model',), ('ema', 'module')]
    """
    return list(islice(_iter_mappings(tree, (), {}), _MOST))


def _iter_mappings(tree: Any, keys: tuple[str, ...], searched: dict[int, int]) -> Iterator[TensorMapping]:
    """Yields the mappings in data; `searched` has the depth of mappings without tensors, which are searched once."""
    if searched.get(id(tree), _DEEPEST + 1) <= len(keys):
        return
    module = tree.name if isinstance(tree, PickledObject) else ""
    content = read_module_state(tree) if isinstance(tree, PickledObject) else tree
    if not isinstance(content, Mapping):
        return
    tensors = {name: part for name, part in content.items() if is_tensor(part)}
    if tensors and all(isinstance(name, str) for name in tensors):
        yield TensorMapping(keys, tensors, {n: part for n, part in content.items() if n not in tensors}, module)
    if not tensors:
        searched[id(tree)] = len(keys)
    if len(keys) < _DEEPEST and not module:
        for key, part in content.items():
            if isinstance(key, str) and not is_tensor(part):
                yield from _iter_mappings(part, (*keys, key), searched)


def is_tensor(part: Any) -> bool:
    return isinstance(part, StoredTensor | ShardedTensor | torch.Tensor)


def describe_content(content: Any) -> str:
    """A description of a value in a file, for a message."""
    if is_tensor(content):
        return "one tensor"
    if isinstance(content, PickledObject):
        return f"an object of the class {quote_name(content.name)}"
    return content.kind if isinstance(content, Unreadable) else quote_name(content)


def describe_lack(tree: Any) -> str:
    """A description of a checkpoint without tensors by name.

    >>> describe_lack({"epoch": 3, "net": [], "args": PickledObject("argparse.Namespace")})
    'the keys epoch, net, args without tensors below them; argparse.Namespace in it was not read'
    """
    if isinstance(tree, PickledObject):
        return f"it holds {quote_name(tree.name)}, which is no tensor, mapping, list, number or text"
    if not isinstance(tree, Mapping):
        return describe_content(tree)
    numbered = next((name for name, part in tree.items() if is_tensor(part) and not isinstance(name, str)), None)
    if numbered is not None:
        return f"{quote_name(numbered)} as a name"
    if not tree:
        return "nothing"
    if {"state", "param_groups"} <= tree.keys():
        return "the state of an optimizer"
    unreadable = [(key, part) for key, part in tree.items() if isinstance(part, Unreadable)]
    if unreadable:
        return f"{unreadable[0][1].kind} for {quote_name(unreadable[0][0])}"
    shown = list_some(list(map(quote_name, tree)), _SHOWN)
    classes = describe_classes(tree)
    rest = f"; {classes}" if classes else ""
    return f"the {'key' if len(tree) == 1 else 'keys'} {shown} without tensors below {'it' if len(tree) == 1 else 'them'}{rest}"
