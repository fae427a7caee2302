"""Finds labelled images: scikit-learn's digits, CIFAR-10, or image files. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from archspec import extras
from archspec.codegen.fx.trial import find_device
from archspec.experiments.data import Data, LabelledData
from archspec.experiments.image_data import ImageData, choose_test_part, open_images
from archspec.experiments.image_sources import IMAGE_SOURCES, import_torchvision
from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph
from archspec.numerals import format_sizes

FORMS = "digits, cifar10:PATH, folder:PATH, webdataset:PATH or hf:PATH"


def open_data(source: str, graph: Graph, device: str = "cpu", normalise: str = "data") -> LabelledData:
    """Opens labelled images for a network with one input and one output of class scores. Image files are decoded as they are needed.

    Args:
        source: `digits` are scikit-learn's 1,797 digits of 8×8 pixels; `cifar10` reads the files that torchvision reads
            (`PATH/cifar-10-batches-py`). The others are image files, resized to the network's input: `folder` reads `PATH/train` and
            `PATH/test` (or `val`), each with a folder for every class; `webdataset` the shards `PATH/train*.tar` and `PATH/test*.tar`
            (or `val*.tar`), in which `KEY.jpg` (or `.png`) has its class in `KEY.cls`; `hf` what `datasets` saved to disk or as
            parquet. Without a test part, a fifth of the images is held out.
        graph: the network.
        device: `auto`, `cpu` or `cuda`.
        normalise: with `data`, each channel gets mean 0 and standard deviation 1 over the training images; with `imagenet`, the
            numbers that torchvision's weights expect are used.

    Raises:
        ExperimentError: the data are unknown or missing, or do not fit the network.
        MissingDeviceError: the device is not available.

    >>> import archspec
    >>> open_data("mnist", archspec.load("resnet18").graph)
    Traceback (most recent call last):
        ...
    archspec.experiments.track.ExperimentError: there are no data 'mnist': digits, cifar10:PATH, folder:PATH, webdataset:PATH or hf:PATH
    """
    place = find_device(device)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ExperimentError("experiments need a network of one input and one output")
    kind, _, path = source.partition(":")
    if kind not in {*_IN_MEMORY, *IMAGE_SOURCES} or bool(path) == (kind == "digits"):
        raise ExperimentError(f"there are no data {source!r}: {FORMS}")
    (given,), (scores,) = graph.inputs.values(), graph.outputs.values()
    data: Data | ImageData
    if kind in _IN_MEMORY:
        data = _IN_MEMORY[kind](Path(path), normalise).shaped(given.shape.sizes).to(place)
    else:
        data = open_images(kind, Path(path), given.shape.sizes, place, normalise)
    if scores.shape.rank != 1 or scores.shape.sizes[0] < data.classes:
        raise ExperimentError(
            f"{data.name} has {data.classes} classes, the network gives {format_sizes(scores.shape.sizes)}"
            f"\nhelp: --set classes={data.classes}, where the spec has such an argument"
        )
    return data


def load_data(source: str, graph: Graph, device: str = "cpu") -> Data:
    """Labelled images in memory, for experiments; arguments and errors are those of `open_data`.

    >>> import archspec
    >>> load_data("digits", archspec.load("{name: n, input: [64], stages: {fc: {linear: 10}}}").graph).test_size
    359
    """
    data = open_data(source, graph, device)
    return data.in_memory() if isinstance(data, ImageData) else data  # type: ignore[return-value]


def _load_digits(_path: Path, normalise: str) -> Data:
    """The 1,797 digits of 8×8 pixels, split in proportion for each class."""
    _check_normalise("digits", normalise)
    digits = extras.load_extra(
        "sklearn.datasets", "`digits`", "pip install scikit-learn", ExperimentError
    ).load_digits()
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1)
    labels = torch.from_numpy(digits.target).long()
    held = choose_test_part(labels)
    return _normalise("digits", pixels[~held], labels[~held], pixels[held], labels[held])


def _load_cifar10(path: Path, normalise: str) -> Data:
    _check_normalise("CIFAR-10", normalise)
    datasets = import_torchvision("datasets")
    try:
        parts = [datasets.CIFAR10(path, train=train, download=False) for train in (True, False)]
    except RuntimeError:
        raise ExperimentError(f"there is no CIFAR-10 in {path}: it needs the folder cifar-10-batches-py") from None
    pictures = [torch.from_numpy(part.data).permute(0, 3, 1, 2).float() for part in parts]
    labels = [torch.tensor(part.targets) for part in parts]
    return _normalise("CIFAR-10", pictures[0], labels[0], pictures[1], labels[1])


def _check_normalise(name: str, normalise: str) -> None:
    if normalise != "data":
        raise ExperimentError(f"{name} is normalised by its own mean and deviation: expected data, got {normalise}")


def _normalise(name: str, pixels: Tensor, labels: Tensor, test_pixels: Tensor, test_labels: Tensor) -> Data:
    mean = pixels.mean((0, 2, 3), keepdim=True)
    deviation = pixels.std((0, 2, 3), keepdim=True).clamp_min(1e-6)
    return Data(name, (pixels - mean) / deviation, labels, (test_pixels - mean) / deviation, test_labels)


_IN_MEMORY: dict[str, Callable[[Path, str], Data]] = {"digits": _load_digits, "cifar10": _load_cifar10}
