"""Weights of torchvision and timm by their names: from the caches of these libraries, without a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import Tensor

from archspec import WeightsError, load
from archspec.codegen.fx.checkpoint import read_weights
from tests.references import timm, torchvision

Weights = dict[str, Tensor]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def weights() -> Weights:
    torch.manual_seed(3)
    state: Weights = torchvision().models.resnet18(weights=None).state_dict()
    return state


@pytest.fixture
def cache(weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both caches, with weights of ResNet-18 in them; nothing is fetched."""

    def fetch(*_: Any, **__: Any) -> None:
        raise OSError("<urlopen error no route to host>")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    url = torchvision().models.ResNet18_Weights.IMAGENET1K_V1.url
    torch.save(weights, tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2])
    repository = tmp_path / "models--timm--resnet18.a1_in1k"
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    save_file(
        {name: weight.contiguous() for name, weight in weights.items()},
        repository / "snapshots" / COMMIT / "model.safetensors",
    )
    return tmp_path


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    "name",
    [
        *("torchvision:resnet18", "torchvision:resnet18.IMAGENET1K_V1", "torchvision:ResNet18_Weights.IMAGENET1K_V1"),
        *("torchvision:ResNet18_Weights.DEFAULT", "timm:resnet18.a1_in1k"),
    ],
)
def test_what_is_in_the_cache_is_taken(name: str, weights: Weights) -> None:
    built = load("resnet18").build(weights=name).state_dict()
    assert all(torch.equal(built[key], weight) for key, weight in weights.items())


def test_what_is_not_in_it_is_said_with_its_place(cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"resnet34: its weights could not be loaded: .*no route to host") as error:
        read_weights("torchvision:resnet34")
    assert error.value.help == f"torch looks for the file at {cache / 'hub' / 'checkpoints' / 'resnet34-b627a593.pth'}"
    with pytest.raises(WeightsError, match=r"timm:resnet34\.a1_in1k: its weights could not be loaded"):
        read_weights("timm:resnet34.a1_in1k")


@pytest.mark.parametrize(
    ("name", "message", "help"),
    [
        ("torchvision:resnet19", "torchvision has no network 'resnet19'", "did you mean 'resnet1"),
        ("torchvision:ResNet19_Weights.DEFAULT", "torchvision has no network 'ResNet19_Weights'", ""),
        ("torchvision:resnet18.V9", "torchvision has no weights 'V9' of resnet18", "IMAGENET1K_V1"),
        ("timm:resnet19.a1_in1k", "timm has no network 'resnet19'", "did you mean 'resnet"),
        ("timm:resnet18.a9_in1k", "timm has no weights 'a9_in1k' of resnet18", "did you mean 'a"),
    ],
)
def test_what_a_library_has_not(name: str, message: str, help: str) -> None:
    timm()
    with pytest.raises(WeightsError, match=message) as error:
        read_weights(name)
    assert help in error.value.help
