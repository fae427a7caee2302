"""Labelled samples: what a training asks of them, and those that are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import torch
from torch import Tensor, nn

from archspec.experiments.loading import Batch, Samples, SampleSource
from archspec.experiments.recipe import Recipe
from archspec.experiments.track import ExperimentError
from archspec.numerals import format_sizes


class LabelledData(SampleSource, Protocol):
    """Training and test samples that a network is trained on, in memory or not.

    >>> data: LabelledData = Data("points", torch.eye(4), torch.arange(4), torch.eye(2), torch.arange(2))
    >>> data.size, data.test_size, data.shape
    (4, 2, (4, 4))
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def size(self) -> int: ...
    @property
    def test_size(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def reads_files(self) -> bool: ...


@dataclass(frozen=True)
class Data:
    """Training and test samples, [samples, channels, height, width], and their class indices.

    Each channel has mean 0 and standard deviation 1 over the training samples.

    >>> data = Data("points", torch.zeros(8, 3, 4, 4), torch.arange(8) % 2, torch.zeros(2, 3, 4, 4), torch.arange(2))
    >>> data.classes, tuple(data.shaped((48,)).pixels.shape)
    (2, (8, 48))
    """

    name: str
    pixels: Tensor
    labels: Tensor
    test_pixels: Tensor
    test_labels: Tensor

    @property
    def classes(self) -> int:
        return int(torch.cat((self.labels, self.test_labels)).max()) + 1

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the training samples together: [samples, channels, height, width]."""
        return tuple(self.pixels.shape)

    @property
    def reads_files(self) -> bool:
        """Whether samples are decoded when they are asked for, which other processes can do ahead."""
        return False

    @property
    def size(self) -> int:
        """The number of training samples."""
        return len(self.labels)

    @property
    def test_size(self) -> int:
        return len(self.test_labels)

    def training_samples(self, recipe: Recipe, epoch: int) -> Samples:
        """The training samples of an epoch, with what the recipe does to them at random."""
        if recipe.augment == "none":
            return _Tensors(self.pixels, self.labels)
        if recipe.augment != "crop" or self.pixels.ndim != 4:
            raise ExperimentError(
                f"{self.name} has samples of {format_sizes(self.pixels.shape[1:])} in memory: expected no augmentation"
                f"{' or crop' if self.pixels.ndim == 4 else ''}, got {recipe.augment}"
            )
        return _CroppedTensors.drawn(
            self.pixels, self.labels, torch.Generator().manual_seed(draw_seed(recipe.seed, epoch))
        )

    def test_samples(self, augment: str = "none") -> Samples:
        """The test samples; `augment` is what is done to those of training."""
        del augment
        return _Tensors(self.test_pixels, self.test_labels)

    def to(self, device: torch.device) -> Data:
        return Data(self.name, *(part.to(device) for part in self._parts))

    def shaped(self, sizes: tuple[int, ...]) -> Data:
        """The same data with samples of shape `sizes`. Raises `ExperimentError` if they do not fit."""
        own = self.pixels.shape[1:]
        if own.numel() != torch.Size(sizes).numel() or (len(sizes) == 3 and tuple(own) != sizes):
            raise ExperimentError(
                f"{self.name} has samples of {format_sizes(own)}, the network reads {format_sizes(sizes)}"
                f"\nhelp: --input {','.join(map(str, own))}, where the network can be made for it"
            )
        pixels, labels, test_pixels, test_labels = self._parts
        return Data(self.name, pixels.reshape(-1, *sizes), labels, test_pixels.reshape(-1, *sizes), test_labels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all labels in order. Pixels are left out: their rounding depends on the number of threads."""
        labels = [part.cpu().numpy().tobytes() for part in (self.labels, self.test_labels)]
        return sha256(b"".join(labels)).hexdigest()

    @property
    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.pixels, self.labels, self.test_pixels, self.test_labels


@dataclass(frozen=True)
class _Tensors:
    """Samples in memory."""

    pixels: Tensor
    labels: Tensor

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        chosen = torch.tensor(numbers, device=self.pixels.device)
        return self.pixels[chosen], self.labels[chosen]


@dataclass(frozen=True)
class _CroppedTensors(_Tensors):
    """Samples in memory, padded with zeros by an eighth, cropped at random to their size, and half of them flipped.

    For 32×32 pixels that is the augmentation of He et al. 2016, section 4.2. What is drawn belongs to the sample and the epoch, whatever
    the minibatch and the process.
    """

    corners: Tensor
    """[samples, 2]: the first row and column of each crop in the padded image."""
    flips: Tensor

    @classmethod
    def drawn(cls, pixels: Tensor, labels: Tensor, generator: torch.Generator) -> _CroppedTensors:
        count, _, *sizes = pixels.shape
        corners = [torch.randint(2 * (size // 8) + 1, (count,), generator=generator) for size in sizes]
        flips = torch.rand(count, generator=generator) < 0.5
        return cls(pixels, labels, torch.stack(corners, 1).to(pixels.device), flips.to(pixels.device))

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        pixels, labels = super().__getitems__(numbers)
        count, channels, height, width = pixels.shape
        chosen = torch.tensor(numbers, device=pixels.device)
        down, across = height // 8, width // 8
        padded = nn.functional.pad(pixels, (across, across, down, down))
        columns = torch.arange(width, device=pixels.device).expand(count, -1)
        columns = torch.where(self.flips[chosen, None], columns.flip(1), columns) + self.corners[chosen, 1:]
        rows = torch.arange(height, device=pixels.device) + self.corners[chosen, :1]
        samples = torch.arange(count, device=pixels.device)
        cropped = padded[samples[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return cropped.permute(0, 3, 1, 2).reshape(count, channels, height, width), labels


def draw_seed(*numbers: int) -> int:
    """A seed for one purpose, of 63 bits: other numbers give another one.

    >>> draw_seed(0, 1) == draw_seed(0, 1), draw_seed(0, 1) == draw_seed(1, 0)
    (True, False)
    """
    return int.from_bytes(sha256(repr(numbers).encode()).digest()[:8], "little") >> 1
