"""The command `train`: trains a network."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from archspec import list_endings
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import WRONG_COMMAND, WRONG_SPEC, CommandError, SpecCommand
from archspec.cli.options import SPEC, architecture_options, json_option
from archspec.cli.output import output_option
from archspec.cli.parts import PartsOption
from archspec.cli.signals import Stop, handle_stop_signals
from archspec.cli.training import begin_training, choose_recipe, find_output, make_loggers, quiet_others, run_training
from archspec.cli.training_options import (
    RECIPE_FIELDS,
    data_option,
    hardware_options,
    recipe_options,
    run_options,
    seed_option,
)
from archspec.cli.warn import show_warnings
from archspec.cli.weights import WeightsOption, print_weights_errors, weights_options

if TYPE_CHECKING:
    from archspec import Architecture, Checkpoint
    from archspec.experiments.training import Training

_ENDINGS = list_endings("weights")
_TRAIN = """\
\b
Examples:
  archspec train my.yaml -o my.safetensors
  archspec train cifar_resnet20_A --data cifar10:data -o resnet20.pt --epochs 60
  archspec train cifar_resnet20_A --data cifar10:data -o resnet20.pt --epochs 60 --resume
  archspec train cifar10_densenet_40_k12 --data cifar10:data -o densenet.pt --checkpoint norms

\b
Fine-tuning: the head is fresh where it has another number of classes.
  archspec train resnet18 --weights torchvision:resnet18 --set classes=2 --data folder:bees -o bees.pt --train-only head
  archspec train my.yaml --weights last.ckpt -o tuned.pt --freeze stem,layer1 --rate 1e-4 --rate-of head=1e-3

\b
As papers trained, on GPUs: on one, on two, on two machines of eight.
  archspec train resnet50 --recipe resnet --data folder:imagenet --run-dir r50 --precision bf16 --compile --workers 12
  archspec train resnet50 --recipe bag-of-tricks --data folder:imagenet --run-dir r50 --devices 2 --batch 128
  torchrun --nnodes 2 --nproc-per-node 8 -m archspec train resnet50 --recipe resnet --batch 16 --run-dir r50 ...

\b
Ctrl-C writes OUTPUT.checkpoint and ends: --resume goes on from there, to the same weights.
"""


class _TrainCommand(SpecCommand):
    """Remembers its arguments, for the command line that resumes an interrupted training."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


_WORDS = "archspec.words"


@click.command(
    "train", cls=_TrainCommand, epilog=_TRAIN, help=f"Train SPEC on labelled pictures and write its weights.\n\n{SPEC}"
)
@architecture_options
@data_option
@click.option(
    "--normalise",
    type=click.Choice(["data", "imagenet"]),
    default="data",
    show_default=True,
    help="By the images' own mean and deviation, or by those that weights of ImageNet expect.",
)
@output_option(
    *_ENDINGS,
    beside=(".checkpoint",),
    help=f"The weights: {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}.",
)
@run_options
@recipe_options
@partial(weights_options, adapt="head")
@click.option(
    "--freeze",
    type=PartsOption(),
    multiple=True,
    metavar="PARTS",
    help="What is not trained, as stem,layer1, or body: all but the last layer; its batch normalisations keep their statistics.",
)
@click.option(
    "--train-only", type=PartsOption(), multiple=True, metavar="PARTS", help="What alone is trained, as fc, or head."
)
@click.option(
    "--rate-of",
    "rates",
    type=PartsOption(rates=True),
    multiple=True,
    metavar="PART=R",
    help="Highest learning rate of a part, as head=0.01; repeatable.",
)
@seed_option
@hardware_options
@click.option(
    "--checkpoint",
    "remade",
    type=click.Choice(["blocks", "norms"]),
    help="Less memory: what each step computes again and does not keep; the weights come out the same.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of a training that was cut off.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    arch: Architecture,
    *,
    output: Path | None,
    folder: Path | None,
    log: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    given = {name: options.pop(name) for name in ("weights", "strict", "adapt")}
    weights = WeightsOption(**given, as_json=as_json, counts=True)
    for name in ("freeze", "train_only", "rates"):
        options[name] = tuple(chain.from_iterable(options[name]))
    out = find_output(output, folder, log, resumes=options["resume"])
    run = _TrainingRun(ctx, arch, out, as_json, weights, resumes=options["resume"], folder=folder, log=log or "csv")
    with quiet_others(), handle_stop_signals() as stop, run.endings(stop), show_warnings():
        run.train(stop, **options)


@dataclass
class _TrainingRun:
    """One training, and the messages at its end."""

    ctx: click.Context
    arch: Architecture
    out: Path
    as_json: bool
    weights: WeightsOption
    resumes: bool
    folder: Path | None
    log: str
    training: Training | None = None

    @property
    def checkpoint(self) -> Path:
        return self.out.with_name(f"{self.out.name}.checkpoint")

    def train(
        self,
        stop: Stop,
        *,
        resume: bool,
        data: str,
        normalise: str,
        workers: int,
        remade: Checkpoint | None,
        **options: Any,
    ) -> None:
        from archspec.experiments.training import resume_training
        from archspec.experiments.weights import save_weights

        self._check_checkpoint()
        with print_weights_errors(as_json=self.as_json):
            begun = begin_training(
                self.arch,
                data,
                normalise=normalise,
                recipe=choose_recipe(**{name: options.pop(name) for name in RECIPE_FIELDS}),
                hardware=options,
                remade=remade,
                weights=self.weights,
                loggers=make_loggers(self.folder, self.log),
            )
        self.training = begun.training
        if self.training.selection.frozen:
            print_lines(f"note: {self.training.selection}", err=True)
        if workers and not begun.data.reads_files:
            print_lines(f"warning: workers decode image files, and {begun.data.name} is in memory", err=True)
        if resume:
            resume_training(self.training, self.checkpoint)
        stop.deferred = True
        with begun.recorded(self.folder, self.arch, self._words):
            run_training(begun, name=self.arch.name, checkpoint=self.checkpoint, stop=stop, workers=workers)
        weights = self.training.weights()
        if self.training.fabric.is_global_zero:
            save_weights(self.out, weights)
            self.checkpoint.unlink(missing_ok=True)
        self._show()

    def _check_checkpoint(self) -> None:
        if self.resumes and not self.checkpoint.exists():
            done = f"{self.out} is there, so its training came to its end; " if self.out.exists() else ""
            raise CommandError(
                f"{self.checkpoint}: there is no checkpoint to go on from\n"
                f"help: {done}leave out --resume to begin, or name the output of the training that was cut off"
            )
        if not self.resumes and self.checkpoint.exists():
            text = f"{self.checkpoint} of a training that was cut off is written over; --resume would go on from it"
            print_lines(f"warning: {text}", err=True)

    @contextmanager
    def endings(self, stop: Stop) -> Iterator[None]:
        """Reports why a training ended early, what the checkpoint has, and how to resume."""
        from archspec.experiments.track import DivergedError, StoppedError

        try:
            yield
        except StoppedError as stopped:
            self._end(f"interrupted after {stopped}", stop.exit_code)
        except KeyboardInterrupt:
            self._end("interrupted", stop.exit_code)
        except DivergedError as error:
            self._end(str(error), WRONG_SPEC, advice="begin with a lower --rate")
        except OSError as error:
            if self.training is None or isinstance(error, BrokenPipeError):
                raise
            self._end(f"{error.filename or self.out}: {error.strerror or error}", WRONG_COMMAND)

    def _end(self, reason: str, code: int, *, advice: str = "") -> NoReturn:
        kept = self.training.kept if self.training is not None else ""
        text = [reason, f"{self.checkpoint} has the training up to {kept}" if kept else "no checkpoint was written"]
        text.append(f"{self.out} is {'as it was' if self.out.exists() else 'not written'}")
        print_lines("; ".join(text), err=True)
        print_lines(f"help: {advice or (f'go on with: {self._again}' if kept else 'begin again')}", err=True)
        if self.as_json:
            echo_json(
                self._facts() | {"weights": None, "error": reason, "checkpoint": str(self.checkpoint) if kept else None}
            )
        self.ctx.exit(code)

    @property
    def _again(self) -> str:
        """The command line that resumes this training."""
        return shlex.join([*self._words, *([] if self.resumes else ["--resume"])])

    @property
    def _words(self) -> list[str]:
        """The command line of this training."""
        return [*self.ctx.command_path.split(), *self.ctx.meta[_WORDS]]

    def _facts(self) -> dict[str, Any]:
        epochs = [] if self.training is None else self.training.history
        epochs_told = [{"epoch": epoch.number, "loss": epoch.loss, "test_error": epoch.test_error} for epoch in epochs]
        facts: dict[str, Any] = {"name": self.arch.name, "weights": str(self.out), "epochs": epochs_told}
        if self.weights.report is not None:
            facts["initial_weights"] = self.weights.report.as_dict()
        if self.training is not None and self.training.selection.frozen:
            facts["frozen"] = list(self.training.selection.frozen)
        return facts

    def _show(self) -> None:
        from archspec.cli import show_experiments as show

        if self.as_json:
            echo_json(self._facts())
        elif self.training is not None:
            show.show_training(self.arch.name, self.out, self.training.history)
