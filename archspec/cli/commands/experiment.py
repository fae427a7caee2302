"""The commands `experiment …`: measure trained networks with some blocks removed or exchanged, and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import archspec
from archspec.cli.console import echo_json
from archspec.cli.errors import DivergedCommandError, HelpGroup, SpecCommand
from archspec.cli.numbers import WholeNumber
from archspec.cli.options import SPEC, architecture_options, json_option, read_spec_argument
from archspec.cli.output import output_option, say_written
from archspec.cli.training import begin_training, choose_recipe, run_training
from archspec.cli.training_options import data_option, device_option, precision_options, seed_option
from archspec.cli.warn import show_warnings
from archspec.cli.weights import WeightsOption, print_weights_errors, weights_options

if TYPE_CHECKING:
    from torch import Tensor

    from archspec import Architecture
    from archspec.experiments.lesions import TrainedNetwork
    from archspec.experiments.plot import Result

_EXPERIMENT = """\
\b
Examples:
  archspec experiment lesion my.yaml --weights my.safetensors -o lesion.svg
  archspec experiment delete my.yaml --weights my.pt --beside plain.yaml plain.pt -o delete.png
  archspec experiment gradients my.yaml --weights my.pt --json
"""

draws_option = click.option(
    "--draws", type=WholeNumber(1), default=5, show_default=True, metavar="N", help="Random choices for each number."
)


@click.group("experiment", cls=HelpGroup, epilog=_EXPERIMENT)
def command() -> None:
    """Measure what a trained network is without some of its blocks, and which paths its gradient takes."""


@dataclass(frozen=True)
class Subjects:
    """The trained networks of an experiment, the seed of its random choices, and the file for its plot."""

    networks: Sequence[TrainedNetwork]
    seed: int
    output: Path | None
    as_json: bool

    def report(self, measure: Callable[..., Result], **options: Any) -> None:
        """Measures each network with these options, writes the plot and prints the results."""
        from archspec.cli import show_experiments as show
        from archspec.cli.progress import track_progress

        with report_divergence(as_json=self.as_json):
            results = [measure(network, track=track_progress, **options) for network in self.networks]
            if self.output is not None:
                from archspec.experiments.plot import save_plot

                save_plot(self.output, results)
        if self.as_json:
            echo_json([result.as_dict() for result in results])
            return
        for result in results:
            show.show_result(result)
        if self.output is not None:
            say_written(self.output)


@contextmanager
def report_divergence(*, as_json: bool) -> Iterator[None]:
    """Turns a `DivergedError` into the end of the command, and prints warnings."""
    from archspec.experiments.track import DivergedError

    try:
        with show_warnings():
            yield
    except DivergedError as error:
        if as_json:
            echo_json({"error": str(error)})
        raise DivergedCommandError(str(error)) from error


def _experiment_options(measure: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of all experiments; the command gets the `Subjects` made from them."""
    precision, compiled = precision_options

    @architecture_options
    @partial(weights_options, without=" Without, it is trained first as `archspec train` does.")
    @click.option(
        "--beside", type=(str, str), multiple=True, metavar="SPEC WEIGHTS", help="Another network; repeatable."
    )
    @data_option
    @seed_option
    @device_option
    @precision
    @compiled
    @output_option(*archspec.list_endings("plot"), help="A picture: .png or .svg.")
    @json_option
    @wraps(measure)
    def prepared(arch: Architecture, *, output: Path | None, seed: int, as_json: bool, **options: Any) -> None:
        chosen = {name: options.pop(name) for name in ("weights", "strict", "adapt", "beside", "data", "device")}
        chosen["hardware"] = {"device": chosen["device"]} | {
            name: options.pop(name) for name in ("precision", "compile")
        }
        with print_weights_errors(as_json=as_json), report_divergence(as_json=as_json):
            networks = list(_load_networks(arch, seed=seed, output=output, **chosen))
        measure(Subjects(networks, seed, output, as_json), **options)

    return prepared


def _load_networks(
    arch: Architecture,
    *,
    weights: str | None,
    strict: bool,
    adapt: str,
    beside: Sequence[tuple[str, str]],
    data: str,
    device: str,
    hardware: Mapping[str, Any],
    seed: int,
    output: Path | None,
) -> Iterator[TrainedNetwork]:
    from archspec.experiments.lesions import TrainedNetwork
    from archspec.experiments.sources import load_data

    if output is not None:
        from archspec.experiments.plot import check_plot_path

        check_plot_path(output)
    inputs = click.get_current_context().params["inputs"] or None
    networks = [
        (arch, weights),
        *((archspec.load(read_spec_argument(spec, archspec.Limits()), input=inputs), given) for spec, given in beside),
    ]
    options = [WeightsOption(given, strict, adapt, as_json=False).arguments for _, given in networks]
    loaded = [
        architecture.build(seed=seed, **given).state_dict() if given["weights"] is not None else None
        for (architecture, _), given in zip(networks, options, strict=True)
    ]
    for (architecture, _), tensors in zip(networks, loaded, strict=True):
        samples = load_data(data, architecture.graph, device)
        yield TrainedNetwork(
            architecture.name,
            architecture.graph,
            tensors or _run_training(architecture, data, seed=seed, hardware=hardware),
            samples,
        )


def _run_training(arch: Architecture, data: str, *, seed: int, hardware: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a network trained with the defaults of `archspec train`."""
    begun = begin_training(arch, data, recipe=choose_recipe(seed=seed), hardware=hardware)
    run_training(begun, name=arch.name)
    return begun.training.weights()


@command.command(cls=SpecCommand, help=f"The test error without each single block.\n\n{SPEC}")
@_experiment_options
def lesion(subjects: Subjects) -> None:
    from archspec.experiments.lesions import lesion_each

    subjects.report(lesion_each)


@command.command(cls=SpecCommand, help=f"The test error without K random blocks, for each K.\n\n{SPEC}")
@_experiment_options
@click.option("--most", type=WholeNumber(1), metavar="K", help="The most blocks; all of them if not given.")
@draws_option
def delete(subjects: Subjects, *, most: int | None, draws: int) -> None:
    from archspec.experiments.lesions import delete_random

    subjects.report(delete_random, most=most, draws=draws, seed=subjects.seed)


@command.command(cls=SpecCommand, help=f"The test error after K random exchanges of two blocks.\n\n{SPEC}")
@_experiment_options
@click.option("--most", type=WholeNumber(1), metavar="K", help="The most exchanges; as many as blocks if not given.")
@draws_option
def shuffle(subjects: Subjects, *, most: int | None, draws: int) -> None:
    from archspec.experiments.lesions import shuffle_random

    subjects.report(shuffle_random, most=most, draws=draws, seed=subjects.seed)


@command.command(cls=SpecCommand, help=f"The gradient at the input through paths of each length.\n\n{SPEC}")
@_experiment_options
@click.option("--samples", type=WholeNumber(1), default=64, show_default=True, metavar="N", help="Test samples.")
@draws_option
def gradients(subjects: Subjects, *, samples: int, draws: int) -> None:
    from archspec.experiments.gradients import measure_gradients

    subjects.report(measure_gradients, samples=samples, draws=draws, seed=subjects.seed)
