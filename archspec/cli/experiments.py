"""The commands that train networks and experiment on them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archspec.cli.console import echo_json
from archspec.cli.errors import Group, SpecCommand, Unable
from archspec.cli.options import SPEC, architecture_options, json_option, source
from archspec.cli.output import OutputFile, say_written

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.backends.torch import Checkpoint
    from archspec.experiments.lesions import Patient
    from archspec.experiments.plot import Result
    from archspec.experiments.track import Track

_DATA = "`digits` (scikit-learn's), `cifar10:PATH` or `folder:PATH`; nothing is downloaded."
_TRAIN = """\
\b
Examples:
  archspec train my.yaml -o my.safetensors
  archspec train cifar_resnet20_A --data cifar10:data -o resnet20.pt --epochs 60
  archspec train cifar_resnet20_A --data cifar10:data -o resnet20.pt --epochs 60 --resume
  archspec train cifar10_densenet_40_k12 --data cifar10:data -o densenet.pt --checkpoint norms
"""
_EXPERIMENT = """\
\b
Examples:
  archspec experiment lesion my.yaml --weights my.safetensors -o lesion.svg
  archspec experiment delete my.yaml --weights my.pt --beside plain.yaml plain.pt -o delete.png
  archspec experiment gradients my.yaml --weights my.pt --json
"""
_PATH = click.Path(dir_okay=False, path_type=Path)

data_option = click.option("--data", default="digits", show_default=True, metavar="DATA", help=_DATA)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where it runs."
)
seed_option = click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of all that is drawn.")
draws_option = click.option(
    "--draws", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Random choices for each number."
)


@click.command(cls=SpecCommand, epilog=_TRAIN, help=f"Train SPEC on labelled pictures and write its weights.\n\n{SPEC}")
@architecture_options
@data_option
@click.option(
    "-o",
    "--output",
    "out",
    type=OutputFile(".safetensors", ".pt", ".pth", beside=(".checkpoint",)),
    metavar="FILE",
    required=True,
    help="The weights: .safetensors, .pt or .pth.",
)
@click.option(
    "--epochs", type=click.IntRange(1), default=15, show_default=True, metavar="N", help="Turns over the data."
)
@click.option("--batch", type=click.IntRange(1), default=64, show_default=True, metavar="N", help="Samples of a step.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=3e-3, show_default=True, help="Highest learning rate."
)
@seed_option
@device_option
@click.option(
    "--checkpoint",
    "remade",
    type=click.Choice(["blocks", "norms"]),
    help="Less memory: what each step computes again and does not keep; the weights come out the same.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of a training that was cut off.")
@json_option
def train(arch: Architecture, *, data: str, out: Path, as_json: bool, **options: Any) -> None:
    from archspec.cli import show_experiments as show

    with _unable():
        from archspec.experiments.weights import check_suffix, save

        check_suffix(out)
        training, epochs = _trained(arch, data, checkpoint=out.with_name(f"{out.name}.checkpoint"), **options)
        save(out, training.model.state_dict())
    out.with_name(f"{out.name}.checkpoint").unlink(missing_ok=True)
    facts = {"name": arch.name, "weights": str(out), "epochs": epochs}
    if as_json:
        echo_json(facts)
        return
    show.trained(arch.name, out, epochs)


def _trained(
    arch: Architecture,
    source: str,
    *,
    epochs: int = 15,
    batch: int = 64,
    rate: float = 3e-3,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    remade: Checkpoint | None = None,
    checkpoint: Path | None = None,
) -> tuple[Any, list[dict[str, float]]]:
    """The training at its end, and what its epochs came to."""
    from archspec.backends.torch.trial import find_device
    from archspec.cli.progress import bars
    from archspec.experiments import data, training

    recipe = training.Recipe(epochs=epochs, seed=seed, batch=batch, rate=rate)
    samples = data.load(source, arch.network).to(find_device(device))
    begun = training.begin(arch.network, samples, recipe, checkpoint=remade)
    if resume and checkpoint is not None:
        training.resume(begun, checkpoint)
    steps = -(-len(samples.labels) // batch)
    with bars() as progress:
        task = progress.add_task(arch.name, total=epochs * steps, completed=begun.done * steps, note="")
        done = training.train(begun, samples, recipe, checkpoint=checkpoint, step=lambda _: progress.advance(task))
        found = []
        for epoch in done:
            progress.update(task, note=f"loss {epoch.loss:.3f}, test error {epoch.test_error:.2%}")
            found.append({"epoch": epoch.number, "loss": epoch.loss, "test_error": epoch.test_error})
    return begun, found


@click.group(cls=Group, epilog=_EXPERIMENT)
def experiment() -> None:
    """Measure what a trained network is without some of its blocks, and which paths its gradient takes."""


@dataclass(frozen=True)
class Subjects:
    """Networks with their weights, what draws, and where the picture goes."""

    patients: Sequence[Patient]
    seed: int
    out: Path | None
    as_json: bool

    def report(self, measure: Callable[[Patient, Track], Result]) -> None:
        """Measures each network, draws and prints."""
        from archspec.cli import show_experiments as show
        from archspec.cli.progress import track

        with _unable():
            results = [measure(patient, track) for patient in self.patients]
            if self.out is not None:
                from archspec.experiments.plot import save

                save(self.out, results)
        if self.as_json:
            echo_json([result.as_dict() for result in results])
            return
        for result in results:
            show.result(result)
        if self.out is not None:
            say_written(self.out)


def _experiment(command: Callable[..., None]) -> Callable[..., None]:
    """The options of all experiments; the command gets the `Subjects` that they make."""

    @architecture_options
    @click.option("--weights", type=_PATH, help="Its weights; without, it is trained first as `archspec train` does.")
    @click.option(
        "--beside", type=(str, _PATH), multiple=True, metavar="SPEC WEIGHTS", help="Another network; repeatable."
    )
    @data_option
    @seed_option
    @device_option
    @click.option(
        "-o", "--output", "out", type=OutputFile(".png", ".svg"), metavar="FILE", help="A picture: .png or .svg."
    )
    @json_option
    @functools.wraps(command)
    def prepared(arch: Architecture, *, out: Path | None, seed: int, as_json: bool, **options: Any) -> None:
        chosen = {name: options.pop(name) for name in ("weights", "beside", "data", "device")}
        with _unable():
            patients = list(_patients(arch, seed=seed, out=out, **chosen))
        command(Subjects(patients, seed, out, as_json), **options)

    return prepared


def _patients(
    arch: Architecture,
    *,
    weights: Path | None,
    beside: Sequence[tuple[str, Path]],
    data: str,
    device: str,
    seed: int,
    out: Path | None,
) -> Iterator[Patient]:
    from archspec.backends.torch.trial import find_device
    from archspec.experiments import weights as files
    from archspec.experiments.data import load as load_data
    from archspec.experiments.lesions import Patient
    from archspec.language.limits import DEFAULT
    from archspec.loading import load

    if out is not None:
        from archspec.experiments.plot import check

        check(out)
    others = [(load(source(spec, DEFAULT)), files.load(path)) for spec, path in beside]
    own = files.load(weights) if weights else _trained(arch, data, seed=seed, device=device)[0].model.state_dict()
    for one, tensors in [(arch, own), *others]:
        yield Patient(one.name, one.network, tensors, load_data(data, one.network).to(find_device(device)))


@experiment.command(cls=SpecCommand, help=f"The test error without each single block.\n\n{SPEC}")
@_experiment
def lesion(subjects: Subjects) -> None:
    from archspec.experiments.lesions import lesion_each

    subjects.report(lesion_each)


@experiment.command(cls=SpecCommand, help=f"The test error without K random blocks, for each K.\n\n{SPEC}")
@_experiment
@click.option("--most", type=click.IntRange(1), metavar="K", help="The most blocks; all of them if not given.")
@draws_option
def delete(subjects: Subjects, *, most: int | None, draws: int) -> None:
    from archspec.experiments.lesions import delete_random

    subjects.report(
        lambda patient, track: delete_random(patient, most=most, draws=draws, seed=subjects.seed, track=track)
    )


@experiment.command(cls=SpecCommand, help=f"The test error after K random exchanges of two blocks.\n\n{SPEC}")
@_experiment
@click.option("--most", type=click.IntRange(1), metavar="K", help="The most exchanges; as many as blocks if not given.")
@draws_option
def shuffle(subjects: Subjects, *, most: int | None, draws: int) -> None:
    from archspec.experiments.lesions import shuffle_random

    subjects.report(
        lambda patient, track: shuffle_random(patient, most=most, draws=draws, seed=subjects.seed, track=track)
    )


@experiment.command(cls=SpecCommand, help=f"The gradient at the input through paths of each length.\n\n{SPEC}")
@_experiment
@click.option("--samples", type=click.IntRange(1), default=64, show_default=True, metavar="N", help="Test samples.")
@draws_option
def gradients(subjects: Subjects, *, samples: int, draws: int) -> None:
    from archspec.experiments.gradients import measure

    subjects.report(
        lambda patient, track: measure(patient, samples=samples, draws=draws, seed=subjects.seed, track=track)
    )


@contextmanager
def _unable() -> Iterator[None]:
    """What an experiment cannot do ends the command with its message."""
    from archspec.backends.torch.trial import MissingDeviceError
    from archspec.experiments.track import ExperimentError

    try:
        yield
    except (ExperimentError, MissingDeviceError) as error:
        raise Unable(str(error)) from error
