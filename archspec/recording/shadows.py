"""Computes the tensors that a model makes from nothing but numbers, such as masks and positions, beside those without data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

_READS = frozenset(("item", "tolist", "bool", "int", "float", "index", "equal", "allclose"))
"""Functions whose result is data, which a tensor without data does not have."""
_RANDOM = frozenset(("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "empty", "uniform"))
_MOST = 2**24  # elements of a tensor that is computed


class Shadows:
    """The values of tensors without data that depend on numbers alone.

    >>> shadows, meta = Shadows(), torch.zeros(2, device="meta")
    >>> shadows.run(torch.zeros, (2,), {}, meta)
    >>> shadows.find(meta)
    tensor([0., 0.])
    """

    def __init__(self) -> None:
        self._values: dict[int, tuple[Tensor, Tensor]] = {}
        """By identity, a tensor without data, which is kept alive, and its values."""

    def find(self, tensor: Tensor) -> Tensor | None:
        """The values of a tensor, if they depend on numbers alone."""
        pair = self._values.get(id(tensor))
        return None if pair is None else pair[1]

    def add(self, tensor: Tensor, values: Tensor) -> None:
        self._values[id(tensor)] = (tensor, values)

    def read(self, name: str, func: Any, args: Any, keywords: Any) -> tuple[Any] | None:
        """The data that a call gives, as a tuple of one; None if it gives none, or depends on more than numbers."""
        if name not in _READS or not self._has_values(args, keywords):
            return None
        return (func(*self._replace(args), **self._replace(keywords)),)

    def run(self, func: Any, args: Any, keywords: Any, result: Any) -> None:
        """Repeats a call that made `result` from tensors with values or from numbers alone, so that the result has values, too."""
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if any(tensor.numel() > _MOST for tensor in made):
            return
        try:
            values = self._repeat(func, args, keywords)
        except Exception:  # noqa: BLE001 -- a call that cannot be repeated leaves the result without values
            return
        found = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
        for tensor, own in zip(made, found, strict=False):
            self.add(tensor, own)

    def forget(self, tensor: Tensor) -> None:
        """Drops the values of a tensor that was edited with something else."""
        values = self.find(tensor)
        if values is not None:
            memory = values.untyped_storage().data_ptr()
            self._values = {
                key: pair for key, pair in self._values.items() if pair[1].untyped_storage().data_ptr() != memory
            }

    def covers(self, name: str, args: Any, keywords: Any, result: Any) -> bool:
        """Whether a call makes its result from tensors with values, or from numbers alone, and not by chance."""
        if any(word in name for word in _RANDOM):
            return False
        tensors = _list_tensors(args, keywords)
        if not tensors:
            return any(isinstance(leaf, Tensor) for leaf in tree_leaves(result))
        return self._has_values(args, keywords) or _reads_sizes_alone(name)

    def _has_values(self, args: Any, keywords: Any) -> bool:
        tensors = _list_tensors(args, keywords)
        return bool(tensors) and all(id(tensor) in self._values for tensor in tensors)

    def _repeat(self, func: Any, args: Any, keywords: Any) -> Any:
        given = self._replace(args), self._replace(keywords)
        if "device" in given[1] or not _list_tensors(args, {}):
            given[1]["device"] = "cpu"
        return func(*given[0], **given[1])

    def _replace(self, given: Any) -> Any:
        """Arguments with values in place of tensors without data, and the CPU in place of their device."""
        return tree_map(self._replace_leaf, given)

    def _replace_leaf(self, leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            values = self.find(leaf)
            return torch.empty(1, dtype=leaf.dtype, device="cpu").expand(leaf.shape) if values is None else values
        return torch.device("cpu") if isinstance(leaf, torch.device) else leaf


def _list_tensors(args: Any, keywords: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves((args, keywords)) if isinstance(leaf, Tensor)]


def _reads_sizes_alone(name: str) -> bool:
    """Whether a function reads no elements of its tensor: `new_zeros`, `ones_like`."""
    return name in {"new_zeros", "new_ones", "new_full", "new_tensor", "zeros_like", "ones_like", "full_like"}
