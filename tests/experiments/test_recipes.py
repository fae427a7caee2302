"""Recipes: rates, averages and augmentation as torch and torchvision compute them; what is resumed is as if never stopped."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel

import archspec
from archspec.cli import training_options as options
from archspec.cli.commands.train import command
from archspec.experiments import recipe as recipes
from archspec.experiments.average import WeightAverage
from archspec.experiments.data import Data, draw_seed
from archspec.experiments.fabric import PRECISIONS, STRATEGIES
from archspec.experiments.recipe import RECIPES, Recipe, choose_recipe, make_optimizer, make_schedule
from archspec.experiments.track import ExperimentError, StoppedError
from archspec.experiments.training import Training, begin_training, resume_training, train_epochs
from tests import references

STEPS = 4
"""Of an epoch."""


def list_rates(recipe: Recipe) -> list[float]:
    optimizer = make_optimizer([{"params": [nn.Parameter(torch.ones(1))], "lr": recipe.rate}], recipe)
    return follow(optimizer, make_schedule(optimizer, recipe, STEPS), recipe.epochs * STEPS)


def follow(optimizer: torch.optim.Optimizer, schedule: lr_scheduler.LRScheduler, count: int) -> list[float]:
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def sgd(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=rate)


def test_steps_are_those_of_torch() -> None:
    optimizer = sgd(0.2)
    expected = follow(optimizer, lr_scheduler.MultiStepLR(optimizer, [10, 15], 0.2), 20)
    recipe = Recipe(epochs=5, optimizer="sgd", rate=0.2, schedule="step", gamma=0.2)
    assert list_rates(recipe) == pytest.approx(expected)
    assert list_rates(replace(recipe, milestones=(0.1,)))[1:3] == pytest.approx([0.2, 0.04])


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_a_warm_up_is_torchs_linear_one(schedule: str) -> None:
    optimizer = sgd(0.1)
    expected = follow(optimizer, lr_scheduler.LinearLR(optimizer, 1 / 8, total_iters=7), 8)
    recipe = Recipe(epochs=5, optimizer="sgd", rate=0.1, schedule=schedule, warmup=2)
    assert list_rates(recipe)[:8] == pytest.approx(expected)


def test_a_cosine_is_torchs_after_the_warm_up() -> None:
    optimizer = sgd(0.1)
    expected = follow(optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 16), 16)
    recipe = Recipe(epochs=5, optimizer="sgd", rate=0.1, schedule="cosine", warmup=1)
    assert list_rates(recipe)[4:] == pytest.approx(expected)


def test_an_average_is_that_of_torch() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = WeightAverage(model, 0.9)
    peer = AveragedModel(
        model,
        avg_fn=lambda old, new, _: old + (1 - min(0.9, (1 + number) / (10 + number))) * (new - old),
        use_buffers=True,
    )
    peer.n_averaged.fill_(1)  # from the initial weights on, as ours
    for number in range(1, 100):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        model(torch.randn(5, 3))
        average.update(model, number)
        peer.update_parameters(model)
    own = {name: weight.clone() for name, weight in model.state_dict().items()}
    with average.applied(model):
        for name, weight in peer.module.state_dict().items():
            expected = weight if weight.is_floating_point() else own[name]  # numbers of batches are no averages
            torch.testing.assert_close(model.state_dict()[name], expected, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(own[name], weight) for name, weight in model.state_dict().items())


def test_crops_and_flips_are_those_of_torchvision() -> None:
    references.torchvision()
    from torchvision.transforms import functional

    pixels = torch.rand(20, 3, 32, 24)
    data = Data("noise", pixels, torch.arange(20), pixels, torch.arange(20))
    recipe = Recipe(augment="crop", seed=3)
    samples: Any = data.training_samples(recipe, epoch=2)
    numbers = [7, 3, 19, 0, 11]
    got, labels = samples.__getitems__(numbers)
    assert labels.tolist() == numbers
    assert len({tuple(corner) for corner in samples.corners.tolist()}) > 10 and 0 < samples.flips.sum() < 20
    assert (samples.corners.amax(0) <= torch.tensor([8, 6])).all()
    for number, image in zip(numbers, got, strict=True):
        padded = functional.pad(pixels[number], [3, 4, 3, 4])
        expected = functional.crop(padded, *samples.corners[number].tolist(), 32, 24)
        assert torch.equal(image, functional.hflip(expected) if samples.flips[number] else expected)
    other: Any = data.training_samples(recipe, epoch=3)
    assert not torch.equal(other.corners, samples.corners)
    assert torch.equal(data.training_samples(recipe, epoch=2).__getitems__([3])[0][0], got[1])
    assert draw_seed(3, 2) < 2**63


@pytest.mark.parametrize("augment", ["crop", "resized-crop"])
def test_augmentation_that_does_not_fit_the_samples(augment: str) -> None:
    flat = Data("flat", torch.zeros(4, 64), torch.arange(4), torch.zeros(4, 64), torch.arange(4))
    with pytest.raises(
        ExperimentError, match=f"flat has samples of 64 in memory: expected no augmentation, got {augment}"
    ):
        flat.training_samples(Recipe(augment=augment), 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": "adam"}, "optimizer: expected adamw, sgd, nesterov, got 'adam'"),
        ({"augment": "flip"}, "augment: expected none, crop, resized-crop, got 'flip'"),
        ({"smoothing": 1.0}, "smoothing: expected a number from 0 to below 1, got 1.0"),
        ({"milestones": (0.5,)}, "milestones are for a step schedule, not for onecycle"),
        ({"schedule": "step", "milestones": (0.5, 0.2)}, "milestones: expected rising shares of the epochs"),
        ({"warmup": 1}, "a one-cycle schedule rises by itself"),
        ({"schedule": "cosine", "warmup": 15}, "warmup: expected less than the 15 epochs, got 15"),
    ],
)
def test_what_does_not_go_together(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        Recipe(**wrong)


def test_the_options_are_those_of_the_recipes() -> None:
    assert sorted(RECIPES) == list(options.RECIPES)
    assert all("arXiv:" in recipe.source and recipe.clip == math.inf for recipe in RECIPES.values())
    choices = {option.name: option.type for option in command.params}
    for name, words in {
        "optimizer": recipes.OPTIMIZERS,
        "schedule": recipes.SCHEDULES,
        "augment": recipes.AUGMENTATIONS,
        "precision": PRECISIONS,
        "strategy": STRATEGIES,
    }.items():
        kind = choices[name]
        assert isinstance(kind, click.Choice) and tuple(kind.choices) == tuple(words), name
    assert set(options.RECIPE_FIELDS) - {"recipe"} == set(Recipe.__dataclass_fields__) - {"source"}


def test_a_recipe_gives_way_to_what_is_given() -> None:
    assert choose_recipe("wide-resnet", epochs=10).gamma == 0.2
    cosine = choose_recipe("wide-resnet", schedule="cosine", warmup=2.0)
    assert (cosine.milestones, cosine.warmup, cosine.decay) == ((), 2.0, 5e-4)
    assert choose_recipe("bag-of-tricks", schedule="onecycle").warmup == 0
    assert choose_recipe() == Recipe()


def train(
    arch: archspec.Architecture, data: Data, recipe: Recipe, checkpoint: Path, stop_after: int | None = None
) -> Training:
    training, calls = begin_training(arch.graph, data, recipe), iter(range(1, 1000))
    try:
        list(train_epochs(training, data, recipe, checkpoint=checkpoint, stop=lambda: next(calls) == stop_after))
    except StoppedError:
        training = begin_training(arch.graph, data, recipe)
        resume_training(training, checkpoint)
        list(train_epochs(training, data, recipe))
    return training


FULL = Recipe(epochs=3, batch=16, accumulate=3, rate=0.05, optimizer="nesterov", schedule="cosine", warmup=0.5)
FULL = replace(FULL, ema=0.9, smoothing=0.1, augment="crop", clip=math.inf)


@pytest.mark.parametrize(
    "change", [{}, {"optimizer": "sgd", "schedule": "step", "warmup": 0.0}, {"optimizer": "adamw"}]
)
def test_resumed_is_as_if_never_stopped(
    change: dict[str, Any], row: archspec.Architecture, digits: Data, tmp_path: Path
) -> None:
    few = replace(digits, pixels=digits.pixels[:200], labels=digits.labels[:200])
    recipe = replace(FULL, **change)
    whole = train(row, few, recipe, tmp_path / "whole")
    resumed = train(row, few, recipe, tmp_path / "cut", stop_after=8)  # in the second epoch of 5 steps
    assert whole.history == resumed.history and len(whole.history) == 3
    expected, got = whole.weights(), resumed.weights()
    assert all(torch.equal(got[name], weight) for name, weight in expected.items())
    assert any(not torch.equal(weight, whole.model.state_dict()[name]) for name, weight in expected.items())


def by_hand(model: nn.Module, data: Data) -> dict[str, Tensor]:
    """Two epochs in plain torch, with gradients of three minibatches added as if they were one."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, 10)
    order = torch.Generator().manual_seed(0)
    for _ in range(2):
        for batch in torch.split(torch.randperm(len(data.labels), generator=order), 48):
            optimizer.zero_grad()
            scores = model(data.pixels[batch])
            nn.functional.cross_entropy(scores, data.labels[batch], label_smoothing=0.1).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return model.state_dict()


def test_added_gradients_are_those_of_the_minibatch(digits: Data) -> None:
    few = replace(digits, pixels=digits.pixels[:200], labels=digits.labels[:200])
    arch = archspec.load(
        {
            "name": "n",
            "input": [1, 8, 8],
            "stages": {"c": {"conv": 4}, "g": {"groupnorm": 2}, "p": "globalpool", "f": {"linear": 10}},
        }
    )
    recipe = replace(FULL, epochs=2, warmup=0.0, ema=0.0, augment="none", clip=1.0)
    training = begin_training(arch.graph, few, recipe)
    list(train_epochs(training, few, recipe))
    for name, weight in by_hand(arch.build(seed=0), few).items():
        torch.testing.assert_close(training.weights()[name], weight, rtol=1e-4, atol=1e-6)
