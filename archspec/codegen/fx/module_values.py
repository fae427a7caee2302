"""Records the values of a model's modules, and compares those of another model with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

TOLERANCE = 1e-9
"""The largest difference in float64, relative to the largest value, that is called rounding."""


@dataclass(frozen=True, slots=True)
class ModuleDifference:
    """A module of which input and value, of one call, are compared."""

    name: str
    value: float
    """The difference of the values, relative to their norm."""
    input: float
    """The same of its first input."""
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    """The shapes of both values without the batch."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A tensor's shape, its norm, and its products with a few fixed vectors: enough to compare large tensors without keeping them.

    >>> a, b = Fingerprint.of(torch.ones(4).double()), Fingerprint.of(torch.ones(4).double() * 1.5)
    >>> a.distance(a), a.distance(b) > 0.1
    (0.0, True)
    """

    shape: tuple[int, ...]
    norm: float
    products: tuple[float, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Fingerprint:
        flat = tensor.detach().reshape(-1).double()
        products = tuple(map(float, _multiply_by_directions(flat)))
        return cls(tuple(tensor.shape), float(flat.norm()), products)

    def distance(self, other: Fingerprint) -> float:
        """An estimate of the norm of the difference, relative to the larger norm; infinite for other shapes and where a norm is no number."""
        if self.shape != other.shape:
            return math.inf
        scale = max(self.norm, other.norm)
        if self.products == other.products or scale == 0:
            return 0.0
        squares = [(own - others) ** 2 for own, others in zip(self.products, other.products, strict=True)]
        distance = math.sqrt(sum(squares) / len(squares)) / scale
        return distance if math.isfinite(distance) else math.inf


_DIRECTIONS = 4
_COLUMNS = 2**14


def _multiply_by_directions(flat: Tensor) -> Tensor:
    """The products of a vector with random vectors, the same ones for each length; their expected square is that of its norm.

    Each direction is the outer product of two short normal vectors, so that nothing as long as the vector is drawn.
    """
    rows = max(1, -(-flat.numel() // _COLUMNS))
    table = functional.pad(flat, (0, rows * _COLUMNS - flat.numel())).view(rows, _COLUMNS)
    return ((_draw_normal(rows, seed=1) @ table) * _draw_normal(_COLUMNS, seed=0)).sum(1)


@lru_cache(maxsize=64)
def _draw_normal(length: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(_DIRECTIONS, length, generator=generator, dtype=torch.double)


Call = tuple[Fingerprint | None, Fingerprint | None]
"""The first input and the first value of a call."""


class ModuleValues:
    """Records the values of the modules of one model, then compares those of another with them."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = {}
        self.other: dict[str, list[Call]] = {}
        self.differences: dict[str, list[ModuleDifference]] = {}

    @contextmanager
    def record(self, model: nn.Module) -> Iterator[None]:
        """Records each call inside the block."""

        def keep(name: str, call: Call) -> None:
            self.calls.setdefault(name, []).append(call)

        with self._hook(model, {name for name, _ in model.named_modules() if name}, keep):
            yield

    @contextmanager
    def compare(self, model: nn.Module) -> Iterator[None]:
        """Compares each call inside the block with the recorded one of the same module and number."""

        def compare(name: str, call: Call) -> None:
            others = self.other.setdefault(name, [])
            others.append(call)
            if len(others) > len(self.calls[name]):
                return
            given, value = self.calls[name][len(others) - 1]
            if value is not None and call[1] is not None:
                self.differences.setdefault(name, []).append(
                    ModuleDifference(
                        name,
                        value.distance(call[1]),
                        0.0 if given is None or call[0] is None else given.distance(call[0]),
                        (tuple(value.shape[1:]), tuple(call[1].shape[1:])),
                    )
                )

        with self._hook(model, self.calls.keys(), compare):
            yield

    @contextmanager
    def _hook(self, model: nn.Module, names: Container[str], receive: Callable[[str, Call], None]) -> Iterator[None]:
        handles = []
        inputs: dict[str, list[Fingerprint | None]] = {}
        for name, module in model.named_modules():
            if name not in names:
                continue

            def before(_: nn.Module, args: tuple[Any, ...], name: str = name) -> None:
                inputs.setdefault(name, []).append(_take_fingerprint(args))  # before an op in place changes it

            def after(_: nn.Module, __: Any, result: Any, name: str = name) -> None:
                receive(name, (inputs[name].pop(), _take_fingerprint(result)))

            handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def iter_differences(self) -> Iterator[ModuleDifference]:
        """The calls whose values differ, in the order of the recorded model; modules of which the models have other numbers of calls are no measure."""
        for name, calls in self.calls.items():
            if len(calls) == len(self.other.get(name, [])):
                yield from (each for each in self.differences.get(name, []) if each.value > TOLERANCE)

    def agrees(self, name: str, *, reads: bool) -> bool | None:
        """Whether a module has the same values in both models, or if it reads a value as its first input, the same inputs; None if it is no measure."""
        calls = self.differences.get(name, [])
        if not calls or not len(calls) == len(self.calls[name]) == len(self.other[name]):
            return None
        return all(each.value <= TOLERANCE for each in calls) or (
            reads and all(each.input <= TOLERANCE for each in calls)
        )

    def becomes(self, name: str, later: str) -> bool:
        """Whether the first value of a module in the other model is that of a later module in the recorded one."""
        (_, other), (_, own) = self.other[name][0], self.calls.get(later, [(None, None)])[0]
        return own is not None and other is not None and own.distance(other) <= TOLERANCE


def _take_fingerprint(value: Any) -> Fingerprint | None:
    tensors = flatten_tensors(value)
    return Fingerprint.of(tensors[0]) if tensors else None


def flatten_tensors(result: Any) -> list[Tensor]:
    """The tensors of an output in order: a tensor, or a sequence, a mapping or a dataclass of outputs."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, Mapping):
        return [tensor for value in result.values() for tensor in flatten_tensors(value)]
    if isinstance(result, list | tuple):
        return [tensor for value in result for tensor in flatten_tensors(value)]
    return flatten_tensors(vars(result)) if hasattr(result, "__dict__") else []


def compare_tensors(own: Tensor, other: Tensor) -> float:
    """The largest difference, relative to the largest value; infinite for other shapes, and where only one is a number."""
    if own.shape != other.shape:
        return float("inf")
    if own.numel() == 0 or torch.equal(own, other):
        return 0.0
    scale = max(float(own.abs().max()), float(other.abs().max()))
    difference = float((own - other).abs().max())
    return difference / scale if scale > 0 and difference == difference else float("inf")  # noqa: PLR0124 -- not a number
