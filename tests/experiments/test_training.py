"""Training: the same seed, the same network; what was cut off goes on as if it had not been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import archspec
from archspec.experiments import weights
from archspec.experiments.data import Data
from archspec.experiments.track import ExperimentError
from archspec.experiments.training import Recipe, Training, begin, error, resume, train

RECIPE = Recipe(epochs=3, seed=5, batch=32)


@pytest.fixture(scope="module")
def few(digits: Data) -> Data:
    return replace(digits, pixels=digits.pixels[:200], labels=digits.labels[:200])


@pytest.fixture(scope="module")
def dropping() -> archspec.Architecture:
    """A network that draws random numbers in training."""
    stages = {"c": {"conv": 4}, "r": "relu", "d": {"dropout": 0.5}, "p": "globalpool", "f": {"linear": 10}}
    return archspec.load({"name": "dropping", "input": [1, 8, 8], "stages": stages})


def state(training: Training) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in training.model.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def trained(arch: archspec.Architecture, data: Data, recipe: Recipe = RECIPE) -> dict[str, Tensor]:
    training = begin(arch.network, data, recipe)
    assert [epoch.number for epoch in train(training, data, recipe)] == [1, 2, 3]
    return state(training)


def test_the_seed_decides(dropping: archspec.Architecture, few: Data) -> None:
    before = torch.get_rng_state()
    whole = trained(dropping, few)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert equal(trained(dropping, few), whole)
    assert not equal(trained(dropping, few, replace(RECIPE, seed=6)), whole)


def test_resumed_is_as_if_never_cut_off(dropping: archspec.Architecture, few: Data, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    cut = begin(dropping.network, few, RECIPE)
    steps = 0

    def stop(_: float) -> None:
        nonlocal steps
        steps += 1
        if steps == 10:  # in the middle of the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(train(cut, few, RECIPE, checkpoint=checkpoint, step=stop))
    again = begin(dropping.network, few, RECIPE)
    resume(again, checkpoint)
    assert again.done == 1
    assert [epoch.number for epoch in train(again, few, RECIPE)] == [2, 3]
    assert equal(state(again), trained(dropping, few))


def test_a_checkpoint_of_something_else(
    dropping: archspec.Architecture, plain: archspec.Architecture, few: Data, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    list(train(begin(dropping.network, few, RECIPE), few, RECIPE, checkpoint=checkpoint))
    for arch, recipe in ((plain, RECIPE), (dropping, replace(RECIPE, rate=1.0))):
        with pytest.raises(ExperimentError, match="another network, other data or another recipe"):
            resume(begin(arch.network, few, recipe), checkpoint)
    checkpoint.write_bytes(b"nothing of torch")
    with pytest.raises(ExperimentError, match="is no file of torch"):
        resume(begin(dropping.network, few, RECIPE), checkpoint)


def test_it_learns(row: archspec.Architecture, few: Data) -> None:
    recipe = Recipe(epochs=6, rate=3e-2, batch=16)
    training = begin(row.network, few, recipe)
    losses = [epoch.loss for epoch in train(training, few, recipe)]
    assert losses[-1] < 0.9 * losses[0]
    scores = training.model(few.test_pixels)
    assert error(training.model, few, batch=7) == pytest.approx(
        float((scores.argmax(1) != few.test_labels).float().mean()), abs=1e-6
    )


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth"])
def test_weights_come_back(name: str, row: archspec.Architecture, tmp_path: Path) -> None:
    own = row.build().state_dict()
    weights.save(tmp_path / name, own)
    assert equal(weights.load(tmp_path / name), dict(own))


def test_files_without_weights(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"end in .safetensors, .pt, .pth, not 'w.bin'"):
        weights.save(tmp_path / "w.bin", {})
    for name in ("w.pt", "w.safetensors"):
        (tmp_path / name).write_bytes(b"noise that is no file of weights")
        with pytest.raises(ExperimentError, match=r"neither safetensors nor|not a whole safetensors file"):
            weights.load(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ExperimentError, match="expected tensors by name"):
        weights.load(tmp_path / "list.pt")
