"""Begins and runs a training as the options say, and keeps the folder of a run."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
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


def find_output(out: Path | None, folder: Path | None, log: str | None, *, resumes: bool) -> Path:
    """The file for the weights; makes the folder of the run. Ends the command if one of them is missing or in use."""
    if folder is None:
        if log is not None:
            raise click.UsageError("--logger is for the metrics in the folder of --run-dir")
        if out is None:
            raise click.UsageError("Missing option '-o' / '--output', or '--run-dir'.")
        return out
    if is_first_process():
        files.make_folder(folder)
        click.get_current_context().with_resource(files.hold_folder(folder))
        if (folder / "run.json").exists() and not resumes:
            raise CommandError(f"{folder} holds a run\nhelp: name another folder, or go on with --resume")
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
