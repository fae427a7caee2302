"""Image files: folders, shards and saved datasets are decoded by torch's loader, the same way in any process and order."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

import archspec
from archspec.experiments import training
from archspec.experiments.data import Data
from archspec.experiments.fabric import Hardware, launch_fabric
from archspec.experiments.image_data import ImageData
from archspec.experiments.loading import Loader, Part
from archspec.experiments.recipe import Recipe
from archspec.experiments.sources import load_data, open_data
from archspec.experiments.track import ExperimentError
from archspec.experiments.training import begin_training, train_epochs
from tests import references
from tests.cli.surface import run

SPEC = """\
name: seen
input: [3, 16, 12]
args: {classes: 2}
stages: {stem: {conv: {out: 4, kernel: 3}}, bn: batchnorm, pool: globalpool, fc: {linear: classes}}
"""
PART = 6
"""The training images of each of two classes."""


@pytest.fixture(autouse=True)
def torchvision() -> None:
    references.torchvision()


@pytest.fixture(scope="module")
def arch() -> archspec.Architecture:
    return archspec.load(SPEC)


def draw(seed: int, size: tuple[int, int] = (20, 18)) -> Image.Image:
    pixels = torch.randint(0, 256, (size[1], size[0], 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(pixels.to(torch.uint8).numpy())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` and `val`, each with a folder for two classes."""
    path = tmp_path_factory.mktemp("bees")
    for part, count in (("train", PART), ("val", 3)):
        for label, name in enumerate(("ant", "bee")):
            (path / part / name).mkdir(parents=True)
            for number in range(count):
                draw(100 * label + number + count).save(path / part / name / f"{number}.png")
    return path


@pytest.fixture(scope="module")
def shards(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images in tar files, two of them for training."""
    path = tmp_path_factory.mktemp("shards")
    for part in ("train", "val"):
        for label, name in enumerate(("ant", "bee")):
            with tarfile.open(path / f"{part}-{label}.tar", "w") as archive:
                for image in sorted((folder / part / name).iterdir()):
                    for ending, content in (("png", image.read_bytes()), ("cls", str(label).encode())):
                        member = tarfile.TarInfo(f"{part}/{name}{image.stem}.{ending}")
                        member.size = len(content)
                        archive.addfile(member, io.BytesIO(content))
    return path


def opened(source: str, arch: archspec.Architecture, normalise: str = "data") -> ImageData:
    data = open_data(source, arch.graph, normalise=normalise)
    assert isinstance(data, ImageData)
    return data


def get_all(data: ImageData, recipe: Recipe, epoch: int = 0, workers: int = 0) -> torch.Tensor:
    parts = [Part(list(range(start, min(start + 5, data.size))), 1.0) for start in range(0, data.size, 5)]
    return torch.cat([pixels for pixels, _ in Loader(data, recipe, workers=workers).load(parts, epoch)])


def test_a_folder_is_decoded_as_torchvision_does(folder: Path, arch: archspec.Architecture) -> None:
    from torchvision import datasets, transforms

    data = opened(f"folder:{folder}", arch, normalise="imagenet")
    assert (data.size, data.test_size, data.classes, data.shape) == (2 * PART, 6, 2, (2 * PART, 3, 16, 12))
    norm = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    steps = [transforms.Resize((16, 12)), transforms.ToTensor(), norm]
    expected = torch.stack([image for image, _ in datasets.ImageFolder(folder / "train", transforms.Compose(steps))])
    torch.testing.assert_close(get_all(data, Recipe()), expected, rtol=1e-4, atol=1e-5)
    steps[0] = transforms.Compose([transforms.Resize(round(16 * 256 / 224)), transforms.CenterCrop((16, 12))])
    expected = torch.stack([image for image, _ in datasets.ImageFolder(folder / "val", transforms.Compose(steps))])
    got, labels = data.test_samples("resized-crop").__getitems__(range(6))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_images_are_normalised_by_their_own_numbers(folder: Path, arch: archspec.Architecture) -> None:
    pixels = get_all(opened(f"folder:{folder}", arch), Recipe())
    assert pixels.mean((0, 2, 3)).abs().max() < 1e-5
    assert (pixels.std((0, 2, 3)) - 1).abs().max() < 1e-2
    assert torch.equal(load_data(f"folder:{folder}", arch.graph).pixels, pixels)


@pytest.mark.parametrize("augment", ["crop", "resized-crop"])
def test_what_is_drawn_belongs_to_the_sample_and_the_epoch(
    augment: str, folder: Path, arch: archspec.Architecture
) -> None:
    data, recipe = opened(f"folder:{folder}", arch), Recipe(augment=augment, seed=4)
    before = torch.get_rng_state()
    pixels = get_all(data, recipe)
    assert torch.equal(get_all(data, recipe, workers=2), pixels)
    assert torch.equal(torch.get_rng_state(), before)
    chosen, _ = data.training_samples(recipe, 0).__getitems__([7, 2])
    assert torch.equal(chosen, pixels[[7, 2]])
    for other in (get_all(data, recipe, epoch=1), get_all(data, replace(recipe, seed=5)), get_all(data, Recipe())):
        assert other.shape == pixels.shape and not torch.equal(other, pixels)


class Workers(ImageData):
    """Data whose labels are the processes that read them."""

    def training_samples(self, recipe: Recipe, epoch: int) -> Any:
        return SimpleNamespace(__getitems__=lambda numbers: (torch.zeros(1), torch.tensor([os.getpid(), epoch])))

    def test_samples(self, augment: str = "none") -> Any:
        return self.training_samples(Recipe(), -1)


def test_the_same_processes_read_every_epoch_and_the_test() -> None:
    loader = Loader(Workers.__new__(Workers), Recipe(), workers=2)
    parts = [Part([0], 1.0)] * 4
    read = [[label.tolist() for _, label in loader.load(parts, epoch)] for epoch in (0, 1, None, 2)]
    processes = {process for rows in read for process, _ in rows}
    assert len(processes) == 2 and os.getpid() not in processes
    assert [{epoch for _, epoch in rows} for rows in read] == [{0}, {1}, {-1}, {2}]
    abandoned = loader.load(parts, 3)
    next(abandoned)
    assert len(list(loader.load(parts, 4))) == 4


def test_shards_have_the_images_of_the_folder(folder: Path, shards: Path, arch: archspec.Architecture) -> None:
    data = opened(f"webdataset:{shards}", arch)
    assert (data.size, data.test_size, data.classes) == (2 * PART, 6, 2)
    assert torch.equal(get_all(data, Recipe(), workers=1), get_all(opened(f"folder:{folder}", arch), Recipe()))


def test_shards_without_a_test_part_give_a_fifth(shards: Path, arch: archspec.Architecture, tmp_path: Path) -> None:
    for shard in shards.glob("train*"):
        (tmp_path / shard.name.replace("train", "all")).write_bytes(shard.read_bytes())
    data = opened(f"webdataset:{tmp_path}", arch)
    assert (data.size, data.test_size) == (2 * PART - 2, 2)
    assert sorted(data.test.labels) == [0, 1]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.png": b""}, "a has an image and no .cls with its class"),
        ({"a.png": b"", "a.cls": b"cat"}, "a.cls: expected the index of a class, got 'cat'"),
        ({"a.txt": b""}, "expected images KEY.jpg or KEY.png with their classes in KEY.cls, got none"),
        (None, "no tar file without compression"),
        ({}, "got none"),
    ],
)
def test_shards_that_are_none(
    members: dict[str, bytes] | None, message: str, arch: archspec.Architecture, tmp_path: Path
) -> None:
    shard = tmp_path / "train.tar"
    shard.write_bytes(b"no archive" * 100)
    if members is not None:
        with tarfile.open(shard, "w") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    with pytest.raises(ExperimentError, match=message):
        open_data(f"webdataset:{tmp_path}", arch.graph)


def test_a_folder_without_shards(arch: archspec.Architecture, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"has no shards \*\.tar"):
        open_data(f"webdataset:{tmp_path}", arch.graph)


@pytest.mark.filterwarnings("ignore")  # of the packages that datasets uses
@pytest.mark.parametrize("form", ["disk", "parquet"])
def test_a_saved_dataset(form: str, folder: Path, arch: archspec.Architecture, tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["ant", "bee"])})
    parts = {}
    for part, name in (("train", "train"), ("val", "validation")):
        files = sorted((folder / part).rglob("*.png"))
        rows = {"image": [str(file) for file in files], "label": [int(file.parent.name == "bee") for file in files]}
        parts[name] = datasets.Dataset.from_dict(rows, features=features)
        if form == "parquet":
            parts[name].to_parquet(str(tmp_path / f"{name}-0.parquet"))
    if form == "disk":
        datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    data = opened(f"hf:{tmp_path / 'saved' if form == 'disk' else tmp_path}", arch)
    assert (data.size, data.test_size, list(data.training.classes)) == (2 * PART, 6, ["ant", "bee"])
    assert torch.equal(get_all(data, Recipe()), get_all(opened(f"folder:{folder}", arch), Recipe()))


def test_a_missing_package_for_datasets_is_told(
    arch: archspec.Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ExperimentError, match="`hf:` needs datasets, which is not installed: pip install datasets"):
        open_data(f"hf:{tmp_path}", arch.graph)


def test_what_the_network_and_the_images_do_not_share(folder: Path, tmp_path: Path) -> None:
    few, grey = archspec.load(SPEC, classes=1), archspec.load(SPEC.replace("[3, 16, 12]", "[1, 16, 12]"))
    with pytest.raises(ExperimentError, match="has 2 classes, the network gives 1\nhelp: --set classes=2"):
        open_data(f"folder:{folder}", few.graph)
    assert opened(f"folder:{folder}", grey).training_samples(Recipe(), 0).__getitems__([0])[0].shape == (1, 1, 16, 12)
    with pytest.raises(ExperimentError, match="3 channels, the network reads 1"):
        open_data(f"folder:{folder}", grey.graph, normalise="imagenet")
    with pytest.raises(ExperimentError, match="digits is normalised by its own mean"):
        open_data("digits", grey.graph, normalise="imagenet")


def test_workers_change_no_weight(folder: Path, arch: archspec.Architecture) -> None:
    data, recipe = opened(f"folder:{folder}", arch), Recipe(epochs=2, batch=5, augment="resized-crop")
    weights = []
    for workers in (0, 2):
        begun = begin_training(arch.graph, data, recipe, fabric=launch_fabric(Hardware("cpu")))
        list(train_epochs(begun, data, recipe, workers=workers))
        weights.append(begun.weights())
    assert all(torch.equal(weights[1][name], weight) for name, weight in weights[0].items())


@pytest.mark.parametrize(("size", "batch"), [(8, 512), (32, 512), (64, 128), (224, 64)])
def test_large_images_are_tested_in_smaller_batches(size: int, batch: int) -> None:
    pixels = torch.zeros(1, 3, size, size)
    data = Data("zeros", pixels, torch.zeros(1).long(), pixels, torch.zeros(1).long())
    assert training._choose_test_batch(data, Recipe(batch=64)) == batch


def test_the_command_trains_on_image_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "seen.yaml").write_text(SPEC, encoding="utf-8")
    options = ("--epochs", "1", "--recipe", "resnet-cifar", "--device", "cpu", "--normalise", "imagenet")
    done = run("train", tmp_path / "seen.yaml", "--data", f"folder:{folder}", "-o", tmp_path / "w.pt", *options)
    assert done.exit_code == 0, done.output
    archspec.load(tmp_path / "seen.yaml").build(weights=tmp_path / "w.pt")
