"""Labelled image files, decoded, resized, augmented and normalised as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archspec.experiments.data import Data, draw_seed
from archspec.experiments.image_sources import IMAGE_SOURCES, ImageSource, Subset, import_torchvision
from archspec.experiments.loading import Batch, Samples
from archspec.experiments.recipe import Recipe
from archspec.experiments.track import ExperimentError
from archspec.numerals import format_sizes

TEST_PART = 0.2
"""The share of test samples in data without a test set; they do not depend on the seed."""
_MEASURED = 512
"""The most images that mean and deviation are taken from."""
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of the channels of ImageNet, as torchvision's weights expect them, of values from 0 to 1."""
_ENLARGED = 256 / 224
"""The shorter side of a test image before its centre is cropped, as a multiple of the crop (He et al. 2016)."""


@dataclass(frozen=True)
class ImageData:
    """Training and test images of a source, for a network that reads [channels, height, width]."""

    name: str
    training: ImageSource
    test: ImageSource
    sizes: tuple[int, ...]
    device: torch.device
    normalise: str
    mean: Tensor
    """[channels, 1, 1], of values from 0 to 255; so is the deviation."""
    deviation: Tensor

    @property
    def classes(self) -> int:
        return len(self.training.classes)

    @property
    def reads_files(self) -> bool:
        return True

    @property
    def size(self) -> int:
        return len(self.training.labels)

    @property
    def test_size(self) -> int:
        return len(self.test.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, *self.sizes)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the classes, the labels in order, and the normalisation."""
        parts = (list(self.training.classes), list(self.training.labels), list(self.test.labels), self.normalise)
        return sha256(repr(parts).encode()).hexdigest()

    def training_samples(self, recipe: Recipe, epoch: int) -> Samples:
        """The training images of an epoch, with what the recipe does to them at random."""
        return self._decoded(self.training, TRAINING_TRANSFORMS[recipe.augment], (recipe.seed, epoch))

    def test_samples(self, augment: str = "none") -> Samples:
        """The test images. If those of training are parts of images, they are the centres of enlarged ones."""
        return self._decoded(self.test, _make_centre if augment == "resized-crop" else _make_plain, ())

    def in_memory(self) -> Data:
        """All images, decoded and resized."""
        parts: list[Tensor] = []
        for source in (self.training, self.test):
            samples = self._decoded(source, _make_plain, ())
            parts.extend(part.to(self.device) for part in samples.__getitems__(range(len(source.labels))))
        return Data(self.name, *parts)

    def _decoded(
        self, source: ImageSource, transform: Callable[[tuple[int, ...]], list[Any]], seed: tuple[int, ...]
    ) -> DecodedImages:
        return DecodedImages(source, compose(transform(self.sizes), self.sizes), self.mean, self.deviation, seed)


@dataclass(frozen=True)
class DecodedImages:
    """Images of a source as samples. What is drawn for one depends on the seed and its number, whatever process decodes it."""

    source: ImageSource
    transform: Callable[[Any], Tensor]
    mean: Tensor
    deviation: Tensor
    seed: tuple[int, ...]

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        pixels = torch.stack([self._decode(number) for number in numbers])
        return (pixels - self.mean) / self.deviation, torch.tensor([self.source.labels[number] for number in numbers])

    def _decode(self, number: int) -> Tensor:
        image = self.source.read(number)
        with _drawing(draw_seed(*self.seed, number)):
            return self.transform(image).float()


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Seeds torch's generator of the CPU, from which torchvision draws, and restores it."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def open_images(
    kind: str, path: Path, sizes: tuple[int, ...], device: torch.device, normalise: str = "data"
) -> ImageData:
    """Opens image files of a kind of `IMAGE_SOURCES` for a network that reads `sizes`.

    Raises:
        ExperimentError: they are missing, or the network does not read images.
    """
    if len(sizes) != 3 or sizes[0] not in (1, 3):
        raise ExperimentError(
            f"pictures have 1 or 3 channels, a height and a width, the network reads {format_sizes(sizes)}"
        )
    training, test = IMAGE_SOURCES[kind](path)
    if test is None:
        held = choose_test_part(torch.tensor(training.labels))
        numbers = [torch.where(part)[0].tolist() for part in (~held, held)]
        training, test = (Subset(training, part) for part in numbers)
    mean, deviation = _NORMALISATIONS[normalise](training, sizes)
    return ImageData(path.name, training, test, sizes, device, normalise, mean, deviation)


def choose_test_part(labels: Tensor) -> Tensor:
    """Which samples are held out for the test, as truth values: a fifth of each class, always the same."""
    generator = torch.Generator().manual_seed(0)
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels):
        (places,) = torch.where(labels == label)
        drawn = torch.randperm(len(places), generator=generator)[: round(TEST_PART * len(places))]
        held[places[drawn]] = True
    if not held.any() or held.all():
        raise ExperimentError(f"{len(labels)} samples are too few to hold back a test part")
    return held


def compose(steps: Sequence[Any], sizes: tuple[int, ...]) -> Callable[[Any], Tensor]:
    """Steps of torchvision after the conversion to the network's channels, and values from 0 to 255 after them."""
    transforms = import_torchvision("transforms")
    mode = "L" if sizes[0] == 1 else "RGB"
    composed: Callable[[Any], Tensor] = transforms.Compose([_Convert(mode), *steps, transforms.PILToTensor()])
    return composed


@dataclass(frozen=True)
class _Convert:
    """Makes an image grey or coloured."""

    mode: str

    def __call__(self, image: Any) -> Any:
        return image.convert(self.mode)


def _measure_channels(source: ImageSource, sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel over at most 512 images, taken evenly."""
    count = min(len(source.labels), _MEASURED)
    transform = compose(_make_plain(sizes), sizes)
    total, squares = torch.zeros(2, sizes[0], dtype=torch.float64)
    for number in torch.linspace(0, len(source.labels) - 1, count).round().long().tolist():
        pixels = transform(source.read(number)).double()
        total, squares = total + pixels.mean((1, 2)), squares + pixels.square().mean((1, 2))
    mean = total / count
    deviation = (squares / count - mean.square()).clamp_min(0).sqrt().clamp_min(1e-6)
    return mean.float()[:, None, None], deviation.float()[:, None, None]


def _take_imagenet(_: ImageSource, sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    if sizes[0] != 3:
        raise ExperimentError("ImageNet's mean and deviation are those of 3 channels, the network reads 1")
    mean, deviation = (torch.tensor(numbers)[:, None, None] * 255 for numbers in _IMAGENET)
    return mean, deviation


_NORMALISATIONS = {"data": _measure_channels, "imagenet": _take_imagenet}


def _make_plain(sizes: tuple[int, ...]) -> list[Any]:
    return [import_torchvision("transforms").Resize(sizes[1:])]


def _make_centre(sizes: tuple[int, ...]) -> list[Any]:
    transforms = import_torchvision("transforms")
    return [transforms.Resize(round(_ENLARGED * max(sizes[1:]))), transforms.CenterCrop(sizes[1:])]


def _make_crop(sizes: tuple[int, ...]) -> list[Any]:
    transforms = import_torchvision("transforms")
    padding = (sizes[2] // 8, sizes[1] // 8)
    return [*_make_plain(sizes), transforms.RandomCrop(sizes[1:], padding), transforms.RandomHorizontalFlip()]


def _make_resized_crop(sizes: tuple[int, ...]) -> list[Any]:
    transforms = import_torchvision("transforms")
    return [transforms.RandomResizedCrop(sizes[1:]), transforms.RandomHorizontalFlip()]


TRAINING_TRANSFORMS = {"none": _make_plain, "crop": _make_crop, "resized-crop": _make_resized_crop}
