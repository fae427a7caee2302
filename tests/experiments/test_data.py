"""Loading data, and the messages for missing data."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import archspec
from archspec.experiments.data import Data
from archspec.experiments.sources import load_data
from archspec.experiments.track import ExperimentError
from tests import references


@pytest.fixture(autouse=True)
def torchvision() -> None:
    """torchvision, also if its compiled ops were built for another torch."""
    references.torchvision()


def network(*sizes: int, classes: int = 10) -> archspec.Architecture:
    stages = {"flat": "flatten", "fc": {"linear": classes}} if len(sizes) > 1 else {"fc": {"linear": classes}}
    return archspec.load({"name": "flat", "input": list(sizes), "stages": stages})


def test_digits_are_split_by_class_and_normalised(digits: Data) -> None:
    assert len(digits.labels) + len(digits.test_labels) == 1797
    assert digits.classes == 10
    for label in range(10):
        held, rest = int((digits.test_labels == label).sum()), int((digits.labels == label).sum())
        assert held == round(0.2 * (held + rest))
    assert float(digits.pixels.mean()) == pytest.approx(0, abs=1e-5)
    assert float(digits.pixels.std()) == pytest.approx(1, abs=1e-5)


def test_no_sample_is_on_both_sides(digits: Data) -> None:
    def rows(pixels: torch.Tensor) -> set[bytes]:
        return {row.numpy().tobytes() for row in pixels}

    assert not rows(digits.pixels) & rows(digits.test_pixels)


def test_pixels_in_a_row_are_the_same_pixels(digits: Data) -> None:
    flat = load_data("digits", network(64).graph)
    assert torch.equal(flat.pixels, digits.pixels.flatten(1))


@pytest.mark.parametrize(
    ("source", "sizes", "message"),
    [
        ("mnist", (1, 8, 8), "there are no data 'mnist': digits, cifar10:PATH, folder:PATH"),
        ("digits:here", (1, 8, 8), "there are no data"),
        ("cifar10", (3, 32, 32), "there are no data"),
        ("cifar10:nowhere", (3, 32, 32), "there is no CIFAR-10 in nowhere"),
        ("folder:nowhere", (3, 32, 32), "there is no folder nowhere"),
        ("folder:nowhere", (64,), "the network reads 64"),
        ("digits", (3, 32, 32), "digits has samples of 1×8×8, the network reads 3×32×32\nhelp: --input 1,8,8"),
    ],
)
def test_data_that_are_not_here(source: str, sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        load_data(source, network(*sizes).graph)


def test_a_network_of_too_few_classes() -> None:
    with pytest.raises(ExperimentError, match="digits has 10 classes, the network gives 9"):
        load_data("digits", network(1, 8, 8, classes=9).graph)


def test_cifar10_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
        batch = {"data": rng.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [0, 1, 2, 9]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(CIFAR10, "_load_meta", lambda self: None)
    data = load_data(f"cifar10:{tmp_path}", network(3, 32, 32).graph)
    assert (tuple(data.pixels.shape), tuple(data.test_pixels.shape)) == ((20, 3, 32, 32), (4, 3, 32, 32))
    assert data.classes == 10


def pictures(folder: Path, count: int) -> None:
    for at, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (12, 10), (200 * at + number,) * 3).save(folder / name / f"{number}.png")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_of_pictures(tmp_path: Path, channels: int) -> None:
    pictures(tmp_path, 5)
    data = load_data(f"folder:{tmp_path}", network(channels, 8, 6, classes=2).graph)
    assert (tuple(data.pixels.shape), tuple(data.test_pixels.shape)) == ((8, channels, 8, 6), (2, channels, 8, 6))
    assert sorted(data.test_labels.tolist()) == [0, 1]
    assert all((data.pixels.mean((1, 2, 3)) > 0) == (data.labels == 1))


def test_a_folder_with_a_test_part(tmp_path: Path) -> None:
    pictures(tmp_path / "train", 2)
    pictures(tmp_path / "val", 1)
    data = load_data(f"folder:{tmp_path}", network(3, 8, 8, classes=2).graph)
    assert (len(data.labels), len(data.test_labels)) == (4, 2)
    (tmp_path / "val" / "other").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "val" / "other" / "0.png")
    with pytest.raises(ExperimentError, match="have not the same classes"):
        load_data(f"folder:{tmp_path}", network(3, 8, 8, classes=3).graph)


def test_a_folder_without_classes(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="has no folder of pictures for each class"):
        load_data(f"folder:{tmp_path}", network(3, 8, 8).graph)
