"""The options of trainings: data, recipe, hardware, and the folder of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from archspec.cli.numbers import Integer, RealNumber, WholeNumber

Command = Callable[..., None]

DATA = (
    "`digits` (scikit-learn's), `cifar10:PATH`, or images that are decoded as they are needed: `folder:PATH`, "
    "`webdataset:PATH`, `hf:PATH`; nothing is downloaded."
)
RECIPES = (
    "bag-of-tricks",
    "densenet",
    "densenet-cifar",
    "fractalnet",
    "resnet",
    "resnet-cifar",
    "stochastic-depth",
    "wide-resnet",
)
"""The recipes of papers, as `archspec.experiments.recipe.RECIPES` has them."""

data_option = click.option("--data", default="digits", show_default=True, metavar="DATA", help=DATA)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where it runs."
)
seed_option = click.option(
    "--seed", type=Integer(), default=0, show_default=True, metavar="N", help="Of all that is drawn."
)


class _Shares(click.ParamType):  # type: ignore[type-arg] # not generic before click 8.3
    """Numbers with commas."""

    name = "shares"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        try:
            shares = tuple(float(word) for word in value.split(","))
        except ValueError:
            shares = (math.nan,)
        if not all(map(math.isfinite, shares)):
            self.fail(f"expected shares of the epochs, such as 0.5,0.75, got {value!r}", param, ctx)
        return shares


_POSITIVE = RealNumber(0, min_open=True)
_RECIPE_OPTIONS = {
    "recipe": click.option(
        "--recipe", type=click.Choice(RECIPES), metavar="NAME", help=f"What a paper trained with: {', '.join(RECIPES)}."
    ),
    "epochs": click.option("--epochs", type=WholeNumber(1), metavar="N", help="Turns over the data.  [default: 15]"),
    "batch": click.option(
        "--batch",
        type=WholeNumber(1),
        metavar="N",
        help="Samples that one process computes at once.  [default: 64]",
    ),
    "accumulate": click.option(
        "--accumulate", type=WholeNumber(1), metavar="N", help="Batches of a step, whose gradients are added."
    ),
    "rate": click.option("--rate", type=_POSITIVE, metavar="R", help="Highest learning rate.  [default: 0.003]"),
    "optimizer": click.option(
        "--optimizer", type=click.Choice(["adamw", "sgd", "nesterov"]), help="The last two with momentum 0.9."
    ),
    "decay": click.option("--decay", type=RealNumber(0), metavar="D", help="Weight decay.  [default: 0.01]"),
    "clip": click.option(
        "--clip",
        type=RealNumber(0, min_open=True, infinite=True),
        metavar="C",
        help="Largest norm of the gradient; inf for none.  [default: 1]",
    ),
    "schedule": click.option(
        "--schedule", type=click.Choice(["onecycle", "step", "cosine"]), help="Of the learning rate."
    ),
    "warmup": click.option(
        "--warmup",
        type=RealNumber(0),
        metavar="EPOCHS",
        help="In which the rate of a step or cosine schedule rises.",
    ),
    "milestones": click.option(
        "--milestones",
        type=_Shares(),
        metavar="SHARES",
        help="Where a step schedule drops, as shares of the epochs.  [default: 0.5,0.75]",
    ),
    "gamma": click.option("--gamma", type=_POSITIVE, metavar="G", help="The factor of each drop.  [default: 0.1]"),
    "smoothing": click.option(
        "--smoothing", type=RealNumber(0, 1, max_open=True), metavar="S", help="Of labels, such as 0.1."
    ),
    "ema": click.option(
        "--ema",
        type=RealNumber(0, 1, max_open=True),
        metavar="DECAY",
        help="Test and keep an average of the weights over the steps, such as 0.999.",
    ),
    "augment": click.option(
        "--augment",
        type=click.Choice(["none", "crop", "resized-crop"]),
        help="Random crops and flips: of the padded image, or of a part of it resized.",
    ),
}
RECIPE_FIELDS = (*_RECIPE_OPTIONS, "seed", "freeze", "train_only", "rates")
"""The options that are parts of a recipe."""


def recipe_options(command: Command) -> Command:
    """Adds the options for the hyperparameters; those that are not given are None."""
    return _add_options(command, *_RECIPE_OPTIONS.values())


def hardware_options(command: Command) -> Command:
    """Adds the options for devices, processes and precision."""
    return _add_options(
        command,
        device_option,
        *precision_options,
        click.option(
            "--devices",
            type=WholeNumber(1),
            default=1,
            metavar="N",
            help="Processes on this machine, each with a device of its own; torchrun starts those of several machines.",
        ),
        click.option(
            "--strategy",
            type=click.Choice(["auto", "ddp", "fsdp"]),
            default="auto",
            help="What several processes share: the gradients, or with fsdp the weights, too.",
        ),
        click.option(
            "--workers",
            type=WholeNumber(0),
            default=0,
            metavar="N",
            help="Further processes that read and decode images.",
        ),
    )


precision_options = (
    click.option(
        "--precision",
        type=click.Choice(["32", "bf16", "fp16"]),
        default="32",
        show_default=True,
        help="Of matrix products; weights stay float32.",
    ),
    click.option("--compile", is_flag=True, help="Compile the network with torch.compile."),
)


def run_options(command: Command) -> Command:
    """Adds the options for the folder of a run."""
    return _add_options(
        command,
        click.option(
            "--run-dir",
            "folder",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="A folder for the spec, the recipe, versions, metrics, and the weights if there is no -o.",
        ),
        click.option(
            "--logger",
            "log",
            type=click.Choice(["csv", "tensorboard"]),
            help="Form of the metrics in the folder of --run-dir.  [default: csv]",
        ),
    )


def _add_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
