"""Where image files come from: folders, tar shards in the form of WebDataset, and datasets of Hugging Face on the local disk."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from archspec import extras
from archspec.codegen.fx.model_libraries import load_model_library
from archspec.experiments.track import ExperimentError

TEST_NAMES = ("test", "val", "validation")
_IMAGES = {"jpg", "jpeg", "png", "ppm", "bmp", "webp", "tif", "tiff"}


class ImageSource(Protocol):
    """Labelled images by their numbers."""

    @property
    def labels(self) -> Sequence[int]:
        """The index of the class of each image."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes."""

    def read(self, number: int) -> Any:
        """An image, as PIL has it."""


@dataclass(frozen=True)
class Subset:
    """Some of the images of a source."""

    source: ImageSource
    numbers: Sequence[int]

    @property
    def labels(self) -> Sequence[int]:
        return [self.source.labels[number] for number in self.numbers]

    @property
    def classes(self) -> Sequence[str]:
        return self.source.classes

    def read(self, number: int) -> Any:
        return self.source.read(self.numbers[number])


@dataclass(frozen=True)
class FolderImages:
    """A folder with a folder for each class, as torchvision reads it."""

    folder: Any

    @property
    def labels(self) -> Sequence[int]:
        labels: Sequence[int] = self.folder.targets
        return labels

    @property
    def classes(self) -> Sequence[str]:
        classes: Sequence[str] = self.folder.classes
        return classes

    def read(self, number: int) -> Any:
        return self.folder.loader(self.folder.samples[number][0])


@dataclass(frozen=True)
class ShardImages:
    """Images in tar files, by their places in them: any image is read without those before it."""

    places: Sequence[tuple[Path, int, int]]
    """The file, the offset and the length of each image."""
    labels: Sequence[int]

    @cached_property
    def classes(self) -> Sequence[str]:
        return [str(number) for number in range(max(self.labels) + 1)]

    def read(self, number: int) -> Any:
        path, offset, length = self.places[number]
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(length)
        return _import_pillow().open(fp=io.BytesIO(content))


@dataclass(frozen=True)
class TableImages:
    """A dataset of Hugging Face with a column of images and one of classes."""

    table: Any
    image: str
    label: str

    @cached_property
    def labels(self) -> Sequence[int]:
        return list(self.table[self.label])

    @cached_property
    def classes(self) -> Sequence[str]:
        names = getattr(self.table.features[self.label], "names", None)
        return list(names or map(str, range(max(self.labels) + 1)))

    def read(self, number: int) -> Any:
        return self.table[number][self.image]


Parts = tuple[ImageSource, ImageSource | None]
"""The images for training, and those for the test if there are any apart from them."""


def open_folder(path: Path) -> Parts:
    """`PATH/train` and `PATH/test` or `PATH/val`, or `PATH` itself."""
    _check_folder(path)
    test = next((path / name for name in TEST_NAMES if (path / name).is_dir()), None)
    if test is None or not (path / "train").is_dir():
        return _open_class_folders(path), None
    training, tested = _open_class_folders(path / "train"), _open_class_folders(test)
    if training.classes != tested.classes:
        raise ExperimentError(f"{path / 'train'} and {test} have not the same classes")
    return training, tested


def open_shards(path: Path) -> Parts:
    """`PATH/train*.tar` and `PATH/test*.tar` or `PATH/val*.tar`, or all `PATH/*.tar`."""
    _check_folder(path)
    test = next((shards for name in TEST_NAMES if (shards := sorted(path.glob(f"{name}*.tar")))), [])
    training = sorted(path.glob("train*.tar")) if test else sorted(path.glob("*.tar"))
    if not training:
        raise ExperimentError(f"{path} has no shards {'train*.tar' if test else '*.tar'}")
    return _index_shards(training), _index_shards(test) if test else None


def open_tables(path: Path) -> Parts:
    """What `save_to_disk` wrote, or files of parquet: `PATH/train*.parquet` and `PATH/test*.parquet`, or all of them."""
    _check_folder(path)
    package = extras.load_extra("datasets", "`hf:`", "pip install datasets", ExperimentError)
    if any(path.rglob("*.parquet")):
        splits = {
            name: package.Dataset.from_parquet([str(file) for file in files])
            for name in ("train", *TEST_NAMES)
            if (files := sorted(path.rglob(f"{name}*.parquet")))
        } or {"train": package.Dataset.from_parquet([str(file) for file in sorted(path.rglob("*.parquet"))])}
    else:
        try:
            saved = package.load_from_disk(str(path))
        except FileNotFoundError as error:
            raise ExperimentError(f"{path} has neither parquet nor a saved dataset: {error}") from None
        splits = dict(saved) if isinstance(saved, dict) else {"train": saved}
    if "train" not in splits:
        raise ExperimentError(f"{path}: expected a part train, got {', '.join(splits)}")
    test = next((splits[name] for name in TEST_NAMES if name in splits), None)
    return _read_table(path, splits["train"]), None if test is None else _read_table(path, test)


def import_torchvision(module: str) -> Any:
    """A module of torchvision. Raises `ExperimentError` if it is not installed."""
    return load_model_library(f"torchvision.{module}", "reading pictures", ExperimentError)


def _import_pillow() -> Any:
    return extras.load_extra("PIL.Image", "reading pictures", "pip install pillow", ExperimentError)


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise ExperimentError(f"there is no folder {path}")


def _open_class_folders(path: Path) -> FolderImages:
    try:
        return FolderImages(import_torchvision("datasets").ImageFolder(path))
    except FileNotFoundError as error:
        raise ExperimentError(f"{path} has no folder of pictures for each class: {error}") from None


def _index_shards(shards: Sequence[Path]) -> ShardImages:
    samples = [sample for shard in shards for sample in _index_shard(shard)]
    if not samples:
        raise ExperimentError(
            f"{shards[0]}: expected images KEY.jpg or KEY.png with their classes in KEY.cls, got none"
        )
    return ShardImages([place for place, _ in samples], [label for _, label in samples])


def _index_shard(shard: Path) -> Iterator[tuple[tuple[Path, int, int], int]]:
    """The places and classes of the images of a tar file, in their order."""
    places: dict[str, tuple[Path, int, int]] = {}
    labels: dict[str, int] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                key, _, ending = name.partition(".")
                if ending.lower() in _IMAGES:
                    places[f"{folder}/{key}"] = (shard, member.offset_data, member.size)
                elif ending == "cls":
                    labels[f"{folder}/{key}"] = _read_label(shard, member.name, archive.extractfile(member))
    except tarfile.TarError as error:
        raise ExperimentError(f"{shard}: no tar file without compression: {error}") from None
    for key, place in places.items():
        if key not in labels:
            raise ExperimentError(f"{shard}: {key.lstrip('/')} has an image and no .cls with its class")
        yield place, labels[key]


def _read_label(shard: Path, name: str, file: Any) -> int:
    text = file.read().decode(errors="replace").strip() if file is not None else ""
    if not text.isdecimal():
        raise ExperimentError(f"{shard}, {name}: expected the index of a class, got {text[:40]!r}")
    return int(text)


def _read_table(path: Path, table: Any) -> TableImages:
    kinds = {name: type(feature).__name__ for name, feature in table.features.items()}
    image = next((name for name, kind in kinds.items() if kind == "Image"), None)
    label = next((name for name, kind in kinds.items() if kind == "ClassLabel"), None)
    label = label or next((name for name in ("label", "labels") if name in kinds), None)
    if image is None or label is None:
        raise ExperimentError(
            f"{path}: expected a column of images and one of classes, got {', '.join(map(' '.join, kinds.items()))}"
        )
    return TableImages(table, image, label)


IMAGE_SOURCES: dict[str, Callable[[Path], Parts]] = {
    "folder": open_folder,
    "webdataset": open_shards,
    "hf": open_tables,
}
