"""Defines traces: the calls of torch that a model makes for one input, as plain data without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.errors import ArchspecError

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchSize:
    """In arguments and sizes: this many times the batch size.

    >>> BatchSize(64)
    BatchSize(times=64)
    """

    times: int = 1


@dataclass(frozen=True, slots=True)
class ResultRef:
    """In arguments: the tensor of that number, an input of the model or the result of an earlier call.

    >>> ResultRef(0)
    ResultRef(id=0)
    """

    id: int


@dataclass(frozen=True, slots=True)
class StateRef:
    """In arguments: a parameter or buffer of the model.

    >>> StateRef("cls_token", (1, 1, 768), learned=True).path
    ('cls_token',)
    """

    name: str
    shape: tuple[int, ...]
    learned: bool

    @property
    def path(self) -> Path:
        return tuple(self.name.split("."))


@dataclass(frozen=True, slots=True)
class UnknownRef:
    """In arguments: a tensor that is neither computed by a recorded call nor part of the `state_dict`.

    >>> UnknownRef((4,), "is a tensor that the model keeps outside its state_dict").reason
    'is a tensor that the model keeps outside its state_dict'
    """

    shape: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class MadeRef:
    """In arguments: a tensor that the model makes anew in each pass, from nothing but numbers, with its values.

    >>> import torch
    >>> MadeRef(torch.arange(4)).shape
    (4,)
    """

    values: Any
    batched: bool = False
    """Whether each sample has these values, which then have no batch."""

    @property
    def shape(self) -> tuple[int, ...]:
        return ((1,) if self.batched else ()) + tuple(self.values.shape)


Size = int | BatchSize
Sizes = tuple[Size, ...]


@dataclass(slots=True)
class RecordedCall:
    """One call of a function of torch, or of a module of torch.nn.

    >>> RecordedCall("relu", (ResultRef(0),), {}, (1,), ((BatchSize(), 8),), ()).is_module
    False
    """

    target: str
    """The name of a function without underscores (`relu`, `iadd`), or of a class (`torch.nn.Conv2d`)."""
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    results: tuple[int, ...]
    """The numbers of the tensors that it returns."""
    sizes: tuple[Sizes, ...]
    scope: Path
    """The path of the module that calls it."""
    path: Path | None = None
    """The path of the module that is called."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of a module: the arguments of its constructor."""
    line: str = ""
    """The line of Python that calls it: `model.py:12`."""
    uses: Mapping[Path, int] = field(default_factory=dict)
    """For each module around it, how often that was called before."""

    @property
    def is_module(self) -> bool:
        return self.path is not None


@dataclass(slots=True)
class Trace:
    """The calls of a model for one input, in order."""

    calls: list[RecordedCall]
    inputs: tuple[tuple[int, Sizes], ...]
    """The number and the sizes of each input."""
    input_names: tuple[str, ...]
    outputs: dict[str, int]
    """The number of each output, by name."""
    classes: Mapping[Path, str]
    """The class of each module."""
    state: Mapping[str, tuple[int, ...]]
    """The shape of each tensor of the `state_dict`."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """The buffers besides running statistics by name, as tensors with their values."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """Names of the `state_dict` that stand for the same tensor as an earlier one."""
    opened: frozenset[Path] = frozenset()
    """The modules whose weights are read outside of them, too: these are values, and what the modules call is recorded."""


class TraceError(ArchspecError, ValueError):
    """Raised if a model cannot be recorded: it fails for the input, or what it does depends on data or on the batch size.

    >>> TraceError("what it computes depends on the batch size", line="model.py:12").line
    'model.py:12'
    """

    def __init__(self, message: str, module: str = "", line: str = "", help: str = "") -> None:
        super().__init__(message)
        self.module, self.line, self.help = module, line, help


def split_name(name: str) -> Path:
    """The path of a module or tensor by its name.

    >>> split_name("layer1.0"), split_name("")
    (('layer1', '0'), ())
    """
    return tuple(name.split(".")) if name else ()


def iter_leaves(value: Any) -> Iterator[Any]:
    """Yields what is in nested tuples, lists and mappings.

    >>> list(iter_leaves([1, (2, {"a": 3})]))
    [1, 2, 3]
    """
    if isinstance(value, list | tuple):
        for item in value:
            yield from iter_leaves(item)
    elif isinstance(value, Mapping):
        yield from iter_leaves(tuple(value.values()))
    else:
        yield value
