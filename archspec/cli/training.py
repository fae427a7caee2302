"""The options of trainings: data, recipe, hardware, and the folder of a run."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archspec import files
from archspec.cli.errors import CommandError
from archspec.cli.output import check_writable
from archspec.cli.signals import Stop
from archspec.cli.weights import WeightsOption

if TYPE_CHECKING:
    from archspec import Architecture, Checkpoint
    from archspec.experiments.data import LabelledData
    from archspec.experiments.training import Recipe, Training

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
seed_option = click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of all that is drawn.")


class _Shares(click.ParamType):  # type: ignore[type-arg] # not generic before click 8.3
    """Numbers with commas."""

    name = "shares"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        try:
            return tuple(float(word) for word in value.split(","))
        except ValueError:
            self.fail(f"expected shares of the epochs, such as 0.5,0.75, got {value!r}", param, ctx)


_POSITIVE = click.FloatRange(0, min_open=True)
_RECIPE_OPTIONS = {
    "recipe": click.option(
        "--recipe", type=click.Choice(RECIPES), metavar="NAME", help=f"What a paper trained with: {', '.join(RECIPES)}."
    ),
    "epochs": click.option("--epochs", type=click.IntRange(1), metavar="N", help="Turns over the data.  [default: 15]"),
    "batch": click.option(
        "--batch",
        type=click.IntRange(1),
        metavar="N",
        help="Samples that one process computes at once.  [default: 64]",
    ),
    "accumulate": click.option(
        "--accumulate", type=click.IntRange(1), metavar="N", help="Batches of a step, whose gradients are added."
    ),
    "rate": click.option("--rate", type=_POSITIVE, metavar="R", help="Highest learning rate.  [default: 0.003]"),
    "optimizer": click.option(
        "--optimizer", type=click.Choice(["adamw", "sgd", "nesterov"]), help="The last two with momentum 0.9."
    ),
    "decay": click.option("--decay", type=click.FloatRange(0), metavar="D", help="Weight decay.  [default: 0.01]"),
    "clip": click.option(
        "--clip", type=_POSITIVE, metavar="C", help="Largest norm of the gradient; inf for none.  [default: 1]"
    ),
    "schedule": click.option(
        "--schedule", type=click.Choice(["onecycle", "step", "cosine"]), help="Of the learning rate."
    ),
    "warmup": click.option(
        "--warmup",
        type=click.FloatRange(0),
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
        "--smoothing", type=click.FloatRange(0, 1, max_open=True), metavar="S", help="Of labels, such as 0.1."
    ),
    "ema": click.option(
        "--ema",
        type=click.FloatRange(0, 1, max_open=True),
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
            type=click.IntRange(1),
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
            type=click.IntRange(0),
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


def find_output(out: Path | None, folder: Path | None, log: str | None, *, resumes: bool) -> Path:
    """The file for the weights; makes the folder of the run. Ends the command if one of them is missing or in use."""
    if folder is None:
        if log is not None:
            raise click.UsageError("--logger is for the metrics in the folder of --run-dir")
        if out is None:
            raise click.UsageError("Missing option '-o' / '--output', or '--run-dir'.")
        return out
    if is_first_process():
        if (folder / "run.json").exists() and not resumes:
            raise CommandError(f"{folder} holds a run\nhelp: name another folder, or go on with --resume")
        files.make_folder(folder)
        check_writable(folder / "run.json")
    return out or folder / "weights.pt"


def is_first_process() -> bool:
    """Whether this process is the first of those that train together, which alone writes and prints."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


@contextmanager
def quiet_others() -> Iterator[None]:
    """In all processes but the first, what is printed goes nowhere; errors that leave the block are not concerned."""
    with contextlib.ExitStack() as stack:
        if not is_first_process():
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield


def choose_recipe(recipe: str | None = None, **given: Any) -> Recipe:
    """The recipe of a paper, or the default one, with what is given in its place."""
    from archspec.experiments.recipe import choose_recipe

    return choose_recipe(recipe, **{name: value for name, value in given.items() if value is not None})


def make_loggers(folder: Path | None, log: str = "csv") -> Sequence[Any]:
    """Fabric's logger of a run folder."""
    if folder is None:
        return ()
    from archspec.experiments.run_folder import make_logger

    return (make_logger(folder, log),)


@dataclass(frozen=True)
class BegunTraining:
    """A training with its data and its recipe."""

    training: Training
    data: LabelledData
    recipe: Recipe

    @contextmanager
    def recorded(self, folder: Path | None, arch: Architecture, words: Sequence[str]) -> Iterator[None]:
        """Writes what a run is into its folder, and the metrics of the epochs that are done."""
        if folder is None:
            yield
            return
        from archspec.experiments.run_folder import close_loggers, describe_run, log_epoch

        if self.training.fabric.is_global_zero:
            describe_run(
                folder, arch.graph, arch.program.span.source.text, self.training, self.data, self.recipe, words
            )
        for epoch in self.training.history:
            log_epoch(self.training, epoch)
        try:
            yield
        finally:
            close_loggers(self.training)


def begin_training(
    arch: Architecture,
    data: str = "digits",
    *,
    normalise: str = "data",
    recipe: Recipe,
    hardware: Mapping[str, Any],
    remade: Checkpoint | None = None,
    weights: WeightsOption | None = None,
    loggers: Sequence[Any] = (),
) -> BegunTraining:
    """A training at its start."""
    from archspec.experiments import training
    from archspec.experiments.fabric import Hardware, launch_fabric
    from archspec.experiments.sources import open_data

    fabric = launch_fabric(Hardware(**hardware), arch.graph, loggers)
    samples = open_data(data, arch.graph, str(fabric.device), normalise)
    given = {} if weights is None else weights.arguments
    begun = training.begin_training(
        arch.graph, samples, recipe, checkpoint=remade, fabric=fabric, compiled=hardware.get("compile", False), **given
    )
    return BegunTraining(begun, samples, recipe)


def run_training(
    begun: BegunTraining, *, name: str, checkpoint: Path | None = None, stop: Stop | None = None, workers: int = 0
) -> None:
    """Trains to the end, with a progress bar. Raises as `archspec.experiments.training.train_epochs` does."""
    from archspec.cli.progress import make_progress
    from archspec.experiments.run_folder import log_epoch
    from archspec.experiments.training import train_epochs

    training = begun.training
    with make_progress() as progress:
        task = progress.add_task(name, total=training.epochs * training.steps, completed=training.taken, note="")

        def advance(_: float) -> None:
            progress.advance(task)

        for epoch in train_epochs(
            training,
            begun.data,
            begun.recipe,
            checkpoint=checkpoint,
            step=advance,
            stop=stop or Stop(),
            workers=workers,
        ):
            log_epoch(training, epoch)
            progress.update(task, note=f"loss {epoch.loss:.3f}, test error {epoch.test_error:.2%}")
