"""The hyperparameters of a training, the optimiser and the learning rates that follow from them, and the recipes of papers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch

from archspec.experiments.track import ExperimentError

AUGMENTATIONS = ("none", "crop", "resized-crop")
"""What is done to a picture at random in training: nothing; a crop of the picture padded by an eighth, and a flip; a crop of 8 to 100 % of
its area, resized, and a flip."""
OPTIMIZERS = ("adamw", "sgd", "nesterov")
SCHEDULES = ("onecycle", "step", "cosine")
MOMENTUM = 0.9
"""Of `sgd` and `nesterov`, as in all papers of the zoo."""
MILESTONES = (0.5, 0.75)
"""Where a step schedule drops unless something else is said, in shares of the epochs."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training; `rate` is the highest learning rate, `clip` the largest norm of the gradient.

    `freeze`, `train_only` and `rates` are those of `select_weights`: the parts that are not trained, the only ones that are, and the
    highest learning rates of parts.

    Raises:
        ExperimentError: a word is unknown, a number is outside its range, or what is given has no effect with the schedule.

    >>> Recipe(epochs=3, freeze=("stem",), rates=(("head", 0.01),)).rate
    0.003
    """

    epochs: int = 15
    seed: int = 0
    batch: int = 64
    """The samples that one process computes at once."""
    rate: float = 3e-3
    decay: float = 0.01
    clip: float = 1.0
    freeze: tuple[str, ...] = ()
    train_only: tuple[str, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()
    optimizer: str = "adamw"
    schedule: str = "onecycle"
    warmup: float = 0.0
    """The epochs in which the rate of a step or cosine schedule rises."""
    milestones: tuple[float, ...] = ()
    """Where a step schedule drops, in shares of the epochs; none are `MILESTONES`."""
    gamma: float = 0.1
    """The factor of each drop of a step schedule."""
    smoothing: float = 0.0
    """The share of the label that is spread over all classes (Szegedy et al. 2016, section 7)."""
    ema: float = 0.0
    """The decay of the average of the weights, which is tested and kept; 0 for none."""
    augment: str = "none"
    accumulate: int = 1
    """The minibatches of a step, whose gradients are added."""
    source: str = ""
    """The paper and section that the recipe is of."""

    def __post_init__(self) -> None:
        for name, words in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("augment", AUGMENTATIONS)):
            if getattr(self, name) not in words:
                raise ExperimentError(f"{name}: expected {', '.join(words)}, got {getattr(self, name)!r}")
        for name in ("smoothing", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ExperimentError(f"{name}: expected a number from 0 to below 1, got {getattr(self, name)!r}")
        if list(self.milestones) != sorted(set(self.milestones)) or not all(0 < share < 1 for share in self.milestones):
            raise ExperimentError(f"milestones: expected rising shares of the epochs, got {self.milestones!r}")
        if self.warmup and self.schedule == "onecycle":
            raise ExperimentError("a one-cycle schedule rises by itself: warmup is for step and cosine")
        if self.milestones and self.schedule != "step":
            raise ExperimentError(f"milestones are for a step schedule, not for {self.schedule}")
        if not 0 <= self.warmup < self.epochs:
            raise ExperimentError(f"warmup: expected less than the {self.epochs} epochs, got {self.warmup!r}")

    def describe(self) -> dict[str, Any]:
        """The recipe as plain data, for a checkpoint and for a message.

        >>> Recipe(freeze=("stem", "layer1")).describe()["freeze"]
        'stem,layer1'
        """
        rates = ",".join(f"{part}={rate!r}" for part, rate in self.rates)
        texts = {name: ",".join(map(str, getattr(self, name))) for name in ("freeze", "train_only", "milestones")}
        return asdict(self) | texts | {"rates": rates}


def make_optimizer(groups: Iterable[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe, over groups of parameters with their own highest rates.

    >>> make_optimizer([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1}], Recipe(optimizer="nesterov")).defaults["nesterov"]
    True
    """
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
    nesterov = recipe.optimizer == "nesterov"
    return torch.optim.SGD(groups, lr=recipe.rate, weight_decay=recipe.decay, momentum=MOMENTUM, nesterov=nesterov)


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate of each step; an epoch has `steps`.

    >>> optimizer = make_optimizer([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1}], Recipe(optimizer="sgd"))
    >>> make_schedule(optimizer, Recipe(schedule="cosine", warmup=1, epochs=3), steps=4).get_last_lr()
    [0.025]
    """
    vars(optimizer)["_opt_called"] = True  # where float16 leaves out the first step, torch would warn
    if recipe.schedule == "onecycle":
        highest = [group["lr"] for group in optimizer.param_groups]
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, highest, total_steps=recipe.epochs * steps)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_FACTORS[recipe.schedule], recipe, steps))


def _compute_step_factor(recipe: Recipe, steps: int, taken: int) -> float:
    """Drops by `gamma` at each milestone."""
    passed = sum(taken >= round(share * recipe.epochs * steps) for share in recipe.milestones or MILESTONES)
    return _compute_warmup(recipe, steps, taken) * recipe.gamma**passed


def _compute_cosine_factor(recipe: Recipe, steps: int, taken: int) -> float:
    """Half a cosine from the end of the warm-up to 0 (Loshchilov and Hutter 2017, equation 5, without restarts)."""
    rising = round(recipe.warmup * steps)
    if taken < rising:
        return _compute_warmup(recipe, steps, taken)
    return (1 + math.cos(math.pi * (taken - rising) / (recipe.epochs * steps - rising))) / 2


def _compute_warmup(recipe: Recipe, steps: int, taken: int) -> float:
    """Rises by the same amount in each step (Goyal et al. 2017, section 2.2)."""
    return min(1.0, (taken + 1) / max(1, round(recipe.warmup * steps)))


_FACTORS: dict[str, Callable[[Recipe, int, int], float]] = {
    "step": _compute_step_factor,
    "cosine": _compute_cosine_factor,
}


def choose_recipe(name: str | None = None, **given: Any) -> Recipe:
    """The recipe of a paper by its name, or the default one, with other values in the place of its own.

    Where the schedule is another, what belongs to the paper's is left out.

    Raises:
        ExperimentError: there is no such recipe, or the values do not go together.

    >>> choose_recipe("resnet", epochs=30).rate
    0.1
    """
    if name is not None and name not in RECIPES:
        raise ExperimentError(f"recipe: expected {', '.join(RECIPES)}, got {name!r}")
    base = Recipe() if name is None else RECIPES[name]
    if given.get("schedule", base.schedule) != base.schedule:
        base = replace(base, milestones=(), warmup=0.0)
    return replace(base, **given)


_PAPER: dict[str, Any] = {"optimizer": "sgd", "schedule": "step", "clip": math.inf, "rate": 0.1, "decay": 1e-4}
_IMAGENET: dict[str, Any] = _PAPER | {
    "batch": 256,
    "epochs": 90,
    "milestones": (1 / 3, 2 / 3),
    "augment": "resized-crop",
}
_CIFAR: dict[str, Any] = _PAPER | {"batch": 128, "augment": "crop"}

RECIPES: dict[str, Recipe] = {
    "resnet": Recipe(
        **_IMAGENET,
        source="He et al. 2016 (arXiv:1512.03385), section 3.4, with the crops and drops of fb.resnet.torch",
    ),
    "resnet-cifar": Recipe(**_CIFAR, epochs=164, source="He et al. 2016 (arXiv:1512.03385), section 4.2"),
    "densenet": Recipe(
        **_IMAGENET | {"optimizer": "nesterov"}, source="Huang et al. 2017 (arXiv:1608.06993), section 4.2"
    ),
    "densenet-cifar": Recipe(
        **_CIFAR | {"optimizer": "nesterov", "batch": 64},
        epochs=300,
        source="Huang et al. 2017 (arXiv:1608.06993), section 4.2",
    ),
    "wide-resnet": Recipe(
        **_CIFAR | {"optimizer": "nesterov", "decay": 5e-4},
        epochs=200,
        milestones=(0.3, 0.6, 0.8),
        gamma=0.2,
        source="Zagoruyko and Komodakis 2016 (arXiv:1605.07146), section 3",
    ),
    "stochastic-depth": Recipe(
        **_CIFAR | {"optimizer": "nesterov"},
        epochs=500,
        source="Huang et al. 2016 (arXiv:1603.09382), section 4",
    ),
    "fractalnet": Recipe(
        **_CIFAR | {"rate": 0.02, "batch": 100, "decay": 0.0},
        epochs=400,
        milestones=(0.5, 0.75, 0.875, 0.9375),
        source="Larsson et al. 2017 (arXiv:1605.07648), section 4",
    ),
    "bag-of-tricks": Recipe(
        **_IMAGENET
        | {"optimizer": "nesterov", "schedule": "cosine", "milestones": (), "epochs": 120}
        | {"warmup": 5.0, "smoothing": 0.1},
        source="He et al. 2019 (arXiv:1812.01187), sections 2.1, 3.1 and 5",
    ),
}
"""What the papers of the zoo trained with: ImageNet's by their network, those for CIFAR named so where there are both.

`milestones` are shares of the epochs: 30 and 60 of 90 on ImageNet; on CIFAR, half and three quarters (of 64,000 steps for `resnet-cifar`, 150 and
225 of 300 epochs, 250 and 375 of 500), 60, 120 and 160 of 200 for `wide-resnet`, and for `fractalnet` whenever what is left has halved.
"""
