"""Loads labelled images: scikit-learn's digits, CIFAR-10 or a folder. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from archspec import extras
from archspec.codegen.fx.trial import find_device
from archspec.experiments.loading import Batch, Samples
from archspec.experiments.recipe import Recipe
from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph
from archspec.numerals import format_sizes

TEST_PART = 0.2
"""The share of test samples in data without a test set; they do not depend on the seed."""


class LabelledData(Protocol):
    """Training and test samples that a network is trained on."""

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
    def training_samples(self, recipe: Recipe, epoch: int) -> Samples: ...
    def test_samples(self) -> Samples: ...


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
        return _CroppedTensors.drawn(self.pixels, self.labels, make_generator(recipe.seed, epoch))

    def test_samples(self) -> Samples:
        return _Tensors(self.test_pixels, self.test_labels)

    def to(self, device: torch.device) -> Data:
        return Data(self.name, *(part.to(device) for part in self._parts))

    def shaped(self, sizes: tuple[int, ...]) -> Data:
        """The same data with samples of shape `sizes`. Raises `ExperimentError` if they do not fit."""
        own = self.pixels.shape[1:]
        if own.numel() != torch.Size(sizes).numel() or (len(sizes) == 3 and tuple(own) != sizes):
            raise ExperimentError(
                f"{self.name} has samples of {format_sizes(own)}, the network reads {format_sizes(sizes)}"
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


def make_generator(seed: int, *numbers: int) -> torch.Generator:
    """A generator for one purpose: other numbers give other draws.

    >>> torch.equal(torch.rand(3, generator=make_generator(0, 1)), torch.rand(3, generator=make_generator(0, 2)))
    False
    """
    digest = sha256(repr((seed, *numbers)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))


def load_data(source: str, graph: Graph, device: str = "cpu") -> Data:
    """Loads `digits`, `cifar10:PATH` or `folder:PATH` for a network with one input and one output of class scores.

    Args:
        source: `digits` are scikit-learn's 1,797 digits of 8×8 pixels; `cifar10` reads the files that torchvision reads
            (`PATH/cifar-10-batches-py`); `folder` reads `PATH/train` and `PATH/test` (or `val`), or holds out a fifth of `PATH` itself,
            each with a folder for every class, and resizes the images to the network's input.
        graph: the network.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ExperimentError: the data are unknown or missing, or do not fit the network.
        MissingDeviceError: the device is not available.

    >>> import archspec
    >>> load_data("mnist", archspec.load("resnet18").graph)
    Traceback (most recent call last):
        ...
    archspec.experiments.track.ExperimentError: there are no data 'mnist': digits, cifar10:PATH or folder:PATH
    """
    place = find_device(device)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ExperimentError("experiments need a network of one input and one output")
    kind, _, path = source.partition(":")
    if kind not in _SOURCES or bool(path) == (kind == "digits"):
        raise ExperimentError(f"there are no data {source!r}: digits, cifar10:PATH or folder:PATH")
    (given,), (scores,) = graph.inputs.values(), graph.outputs.values()
    data = _SOURCES[kind](Path(path), given.shape.sizes).shaped(given.shape.sizes)
    if scores.shape.rank != 1 or scores.shape.sizes[0] < data.classes:
        raise ExperimentError(
            f"{data.name} has {data.classes} classes, the network gives {format_sizes(scores.shape.sizes)}"
        )
    return data.to(place)


def _load_digits(_path: Path, _sizes: tuple[int, ...]) -> Data:
    """The 1,797 digits of 8×8 pixels, split in proportion for each class."""
    digits = extras.load_extra(
        "sklearn.datasets", "`digits`", "pip install scikit-learn", ExperimentError
    ).load_digits()
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1)
    return _normalise("digits", *_split_test_part(pixels, torch.from_numpy(digits.target).long()))


def _load_cifar10(path: Path, _sizes: tuple[int, ...]) -> Data:
    datasets = _import_torchvision("datasets")
    try:
        parts = [datasets.CIFAR10(path, train=train, download=False) for train in (True, False)]
    except RuntimeError:
        raise ExperimentError(f"there is no CIFAR-10 in {path}: it needs the folder cifar-10-batches-py") from None
    pictures = [torch.from_numpy(part.data).permute(0, 3, 1, 2).float() for part in parts]
    labels = [torch.tensor(part.targets) for part in parts]
    return _normalise("CIFAR-10", pictures[0], labels[0], pictures[1], labels[1])


def _load_folder(path: Path, sizes: tuple[int, ...]) -> Data:
    if len(sizes) != 3 or sizes[0] not in (1, 3):
        raise ExperimentError(
            f"pictures have 1 or 3 channels, a height and a width, the network reads {format_sizes(sizes)}"
        )
    if not path.is_dir():
        raise ExperimentError(f"there is no folder {path}")
    test = next((path / name for name in ("test", "val") if (path / name).is_dir()), None)
    if test is None or not (path / "train").is_dir():
        pixels, labels, _ = _load_pictures(path, sizes)
        return _normalise(path.name, *_split_test_part(pixels, labels))
    learned, tested = _load_pictures(path / "train", sizes), _load_pictures(test, sizes)
    if learned[2] != tested[2]:
        raise ExperimentError(f"{path / 'train'} and {test} have not the same classes")
    return _normalise(path.name, learned[0], learned[1], tested[0], tested[1])


def _load_pictures(path: Path, sizes: tuple[int, ...]) -> tuple[Tensor, Tensor, list[str]]:
    """All images of a folder of class folders, their class indices, and the names of the classes."""
    transforms = _import_torchvision("transforms")
    steps = [transforms.Resize(sizes[1:]), transforms.PILToTensor()]
    if sizes[0] == 1:
        steps.insert(0, transforms.Grayscale())
    try:
        folder = _import_torchvision("datasets").ImageFolder(path, transforms.Compose(steps))
    except FileNotFoundError as error:
        raise ExperimentError(f"{path} has no folder of pictures for each class: {error}") from None
    pairs = [folder[index] for index in range(len(folder))]
    return torch.stack([picture for picture, _ in pairs]).float(), torch.tensor([c for _, c in pairs]), folder.classes


def _import_torchvision(module: str) -> Any:
    return extras.load_extra(f"torchvision.{module}", "reading pictures", "pip install torchvision", ExperimentError)


def _split_test_part(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Splits off the test samples of each class, always the same."""
    generator = torch.Generator().manual_seed(0)
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels):
        (places,) = torch.where(labels == label)
        drawn = torch.randperm(len(places), generator=generator)[: round(TEST_PART * len(places))]
        held[places[drawn]] = True
    if not held.any() or held.all():
        raise ExperimentError(f"{len(labels)} samples are too few to hold back a test part")
    return pixels[~held], labels[~held], pixels[held], labels[held]


def _normalise(name: str, pixels: Tensor, labels: Tensor, test_pixels: Tensor, test_labels: Tensor) -> Data:
    mean = pixels.mean((0, 2, 3), keepdim=True)
    deviation = pixels.std((0, 2, 3), keepdim=True).clamp_min(1e-6)
    return Data(name, (pixels - mean) / deviation, labels, (test_pixels - mean) / deviation, test_labels)


_SOURCES: dict[str, Callable[[Path, tuple[int, ...]], Data]] = {
    "digits": _load_digits,
    "cifar10": _load_cifar10,
    "folder": _load_folder,
}
