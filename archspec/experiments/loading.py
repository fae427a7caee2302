"""Which samples each process computes in each step, and the loader that brings them to its device."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from archspec.experiments.recipe import Recipe

Batch = tuple[Tensor, Tensor]
"""Pictures and the indices of their classes."""


class Samples(Protocol):
    """Samples by their numbers, a batch at a time: what torch's loader fetches from."""

    def __getitems__(self, numbers: Sequence[int]) -> Batch: ...


class SampleSource(Protocol):
    """Data for training and the test."""

    def training_samples(self, recipe: Recipe, epoch: int) -> Samples: ...
    def test_samples(self, augment: str = "none") -> Samples: ...


@dataclass(frozen=True)
class Part:
    """What a process computes at once: the numbers of samples, and the weight of their mean loss in the loss of the step."""

    samples: list[int]
    weight: float


def plan_steps(
    order: Tensor, *, batch: int, accumulate: int = 1, process: int = 0, processes: int = 1
) -> list[list[Part]]:
    """The parts of each step of an epoch for one process.

    A step takes `batch * accumulate * processes` samples, the last one what is left. The mean over processes of the weighted losses is
    the mean over the step's samples; a process that is left without one computes a sample of another with weight 0.

    >>> plan_steps(torch.arange(5), batch=2)
    [[Part(samples=[0, 1], weight=1.0)], [Part(samples=[2, 3], weight=1.0)], [Part(samples=[4], weight=1.0)]]
    >>> plan_steps(torch.arange(5), batch=2, process=1, processes=2)
    [[Part(samples=[1, 3], weight=1.0)], [Part(samples=[4], weight=0.0)]]
    """
    return [
        _plan_step(chunk, batch, process, processes) for chunk in torch.split(order, batch * accumulate * processes)
    ]


def _plan_step(chunk: Tensor, batch: int, process: int, processes: int) -> list[Part]:
    pieces = chunk[process::processes].tensor_split(math.ceil(len(chunk) / (batch * processes)))
    return [
        Part(piece.tolist(), len(piece) * processes / len(chunk)) if len(piece) else Part(chunk[:1].tolist(), 0.0)
        for piece in pieces
    ]


class Loader:
    """Brings samples of training and of the test to Fabric's device, if there is one, in the order that is asked for.

    With `workers`, so many processes read and decode ahead; they start with the first batch and end with the loader. On a GPU, they
    do so through pinned memory. Nothing is drawn from torch's generators.

    >>> from archspec.experiments.data import Data
    >>> from archspec.experiments.recipe import Recipe
    >>> data = Data("points", torch.eye(4), torch.arange(4), torch.eye(4), torch.arange(4))
    >>> loader = Loader(data, Recipe())
    >>> [labels.tolist() for _, labels in loader.load([Part([0, 2], 1.0), Part([1], 1.0)])]
    [[0, 2], [1]]
    """

    def __init__(self, data: SampleSource, recipe: Recipe, *, fabric: Fabric | None = None, workers: int = 0) -> None:
        self.fabric = fabric
        self._requests: list[_Request] = []
        loader: Any = DataLoader(
            _Selection(data, recipe),  # type: ignore[arg-type] # fetched from by `__getitems__` alone
            batch_sampler=self._requests,  # type: ignore[arg-type] # a request is a batch
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=_take_batch,
            pin_memory=workers > 0 and fabric is not None and fabric.device.type == "cuda",
            worker_init_fn=_leave_signals,
            generator=torch.Generator(),
        )
        self._loader = loader if fabric is None else fabric.setup_dataloaders(loader, use_distributed_sampler=False)

    def load(self, parts: Iterable[Part], epoch: int | None = None) -> Iterator[Batch]:
        """The samples of each part, of an epoch of training or of the test. A call ends those before it."""
        self._requests[:] = [(epoch, part.samples) for part in parts]
        for pixels, labels in self._loader:
            yield arrange_channels(pixels), labels


_Request = tuple[int | None, list[int]]
"""The number of an epoch, or None for the test, and those of samples."""


class _Selection:
    """The samples of requests: those of training with what is drawn for their epoch, and those of the test."""

    def __init__(self, data: SampleSource, recipe: Recipe) -> None:
        self._data, self._recipe = data, recipe
        self._epoch: int | None = None
        self._samples: Samples | None = None

    def __getitems__(self, request: _Request) -> Batch:
        epoch, numbers = request
        if self._samples is None or epoch != self._epoch:
            self._epoch, self._samples = epoch, self._select(epoch)
        return self._samples.__getitems__(numbers)

    def _select(self, epoch: int | None) -> Samples:
        if epoch is None:
            return self._data.test_samples(self._recipe.augment)
        return self._data.training_samples(self._recipe, epoch)


def arrange_channels(pixels: Tensor) -> Tensor:
    """Images on a GPU with their channels last in memory, which its convolutions read fastest; all else as it is."""
    last = pixels.ndim == 4 and pixels.device.type == "cuda"
    return pixels.contiguous(memory_format=torch.channels_last) if last else pixels


def _take_batch(batch: Any) -> Any:
    """What `__getitems__` gave, which is a batch already."""
    return batch


def _leave_signals(_: int) -> None:
    """In a worker: Ctrl-C is for the process that trains, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
