"""Builds a network, runs it once and measures the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import fx

from archspec.codegen.errors import MissingDeviceError
from archspec.ir.graph import Graph, Value

_CPU_IS_FULL = (
    "can't allocate memory",
    "not enough memory",
    "Storage size calculation overflowed",
)  # no class of torch's says it


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of one build and one forward pass; times are wall clock seconds, shapes include the batch.

    >>> import archspec
    >>> archspec.load("cifar_resnet20_A").try_out("cpu", batch=1).results
    {'output': (1, 10)}
    """

    device: str
    batch: int
    build_seconds: float
    forward_seconds: float
    results: dict[str, tuple[int, ...]]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def try_out(
    graph: Graph, build: Callable[[torch.device], fx.GraphModule], *, device: str = "auto", batch: int = 2
) -> Trial:
    """Builds a network on a device (`auto`, `cpu` or `cuda`) and runs it once on random inputs in eval mode.

    Raises:
        MissingDeviceError: the device is not available.
        MemoryError: the weights or the values do not fit into its memory.
    """
    place = find_device(device)
    with enough_memory(place):
        start = time.perf_counter()
        model = build(place).eval()
        inputs = [make_noise(graph, value, batch, place) for value in graph.inputs.values()]
        with torch.inference_mode():
            if model._graphs is not None:
                model(*inputs)  # captures: what is timed is a replay
            synchronize_device(place)
            ready = time.perf_counter()
            output = model(*inputs)
        synchronize_device(place)
        done = time.perf_counter()
    values = output if isinstance(output, tuple) else (output,)
    results = {name: tuple(value.shape) for name, value in zip(graph.outputs, values, strict=True)}
    return Trial(place.type, batch, ready - start, done - ready, results)


def find_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise MissingDeviceError("torch finds no CUDA device here")
    return torch.device(name)


def make_noise(graph: Graph, value: Value, batch: int, place: torch.device) -> torch.Tensor:
    """Normal random numbers; zeros for an integer input, which every vocabulary has."""
    size = (batch, *value.shape.sizes)
    if graph.holds_indices(value):
        return torch.zeros(size, dtype=torch.long, device=place)
    return torch.randn(size, device=place)


def synchronize_device(place: torch.device) -> None:
    if place.type == "cuda":
        torch.cuda.synchronize(place)


@contextmanager
def enough_memory(place: torch.device) -> Iterator[None]:
    """Turns torch's out-of-memory errors into `MemoryError`."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and not any(words in str(error) for words in _CPU_IS_FULL):
            raise
        raise MemoryError(f"the network and its values do not fit into the memory of {place.type}") from error
