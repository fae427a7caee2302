"""The command `build`: builds a network and runs it once, or writes it to a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archspec import list_endings
from archspec.cli import show
from archspec.cli.console import echo_json
from archspec.cli.errors import SpecCommand
from archspec.cli.numbers import Integer, WholeNumber
from archspec.cli.options import SPEC, architecture_options, json_option
from archspec.cli.output import check_alone, ending_of, format_option, output_option, say_written
from archspec.cli.warn import show_warnings
from archspec.cli.weights import WeightsOption, print_weights_errors, weights_options

if TYPE_CHECKING:
    from archspec import Architecture

_PROGRAMS = list_endings("program")
_ENDINGS = list_endings("source", "program", "weights")
_BUILD = """\
\b
Examples:
  archspec build densenet169
  archspec build resnet50 --set groups=32 --set base=4 --device cuda
  archspec build my.yaml --seed 1 --json
  archspec build resnet50 -o net.py
  archspec build resnet50 --weights torchvision:resnet50 -o net.onnx
  archspec build resnet50 --optimize -o - --format pt2 > net.pt2
"""


@click.command("build", cls=SpecCommand, epilog=_BUILD, help=f"Compile SPEC to PyTorch and run it once.\n\n{SPEC}")
@architecture_options
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where it runs."
)
@click.option("--seed", type=Integer(), default=0, show_default=True, metavar="N", help="Of the initialisation.")
@click.option("--batch", type=WholeNumber(1), default=2, show_default=True, metavar="N", help="Samples in the run.")
@output_option(
    *_ENDINGS,
    stream=True,
    help=f"Write the network instead: {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}; - for standard output.",
)
@format_option("source", "program", "weights")
@weights_options
@click.option(
    "--dynamic",
    multiple=True,
    metavar="AXES",
    help="Of .onnx and .pt2: axes of any size, as batch,height,width.  [default: batch]",
)
@click.option(
    "--opset", type=Integer(), metavar="N", help="Of .onnx: the version of its operators.  [default: torch's]"
)
@click.option("--optimize", is_flag=True, help="For inference: the same outputs with less work.")
@click.option("--cuda-graph", is_flag=True, help="Replay captured CUDA graphs; on a CUDA device.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    arch: Architecture,
    *,
    device: str,
    seed: int,
    batch: int,
    output: Path | None,
    format: str | None,
    dynamic: tuple[str, ...],
    opset: int | None,
    optimize: bool,
    cuda_graph: bool,
    as_json: bool,
    **weights: Any,
) -> None:
    given = WeightsOption(**weights, as_json=as_json)
    check_alone(output, as_json=as_json)
    ending = None if output is None else ending_of(output, format)
    program = {"dynamic": dynamic or None, "opset": opset} if ending in _PROGRAMS else {}
    for option, value, endings in (("--dynamic", dynamic, _PROGRAMS), ("--opset", opset is not None, (".onnx",))):
        if value and ending not in endings:
            raise click.UsageError(f"{option} belongs to -o with {' or '.join(endings)}")
    if cuda_graph and output is not None:
        raise click.UsageError("a file holds no CUDA graphs: leave out --cuda-graph")
    arch = arch.optimize() if optimize else arch
    with show_warnings(), print_weights_errors(as_json=as_json):
        if output is None:
            trial = arch.try_out(device, batch, seed=seed, graph=cuda_graph, **given.arguments)
        else:
            _write_network(ctx, arch, output, ending, given, seed=seed, **program)
    if as_json:
        facts = show.collect_facts(arch) | given.facts
        echo_json(facts | ({"written": str(output)} if output is not None else trial.as_dict()))
    elif output is not None:
        say_written(output, f"{arch.name}: {output} written")
    else:
        show.show_build(arch, trial)


def _write_network(
    ctx: click.Context, arch: Architecture, output: Path, ending: str | None, given: WeightsOption, **options: Any
) -> None:
    if ending != ".py":
        arch.save(output, ending=ending, **options, **given.arguments)
        return
    if given.weights is not None:
        raise click.UsageError("source holds no weights: leave out --weights, or write .safetensors beside it")
    arch.save(output, ending=ending, command=format_command(ctx))


def format_command(ctx: click.Context) -> str:
    """The command line that writes the same file."""
    given = [f"--set={name}={text}" for name, text in ctx.params["overrides"].items()]
    given += [f"--input={source.text}" for source in ctx.params["inputs"].values()]
    given += [f"--outputs={','.join(ctx.params['parts'])}"] if ctx.params["parts"] else []
    given += ["--optimize"] if ctx.params["optimize"] else []
    return shlex.join(["archspec", "build", ctx.params["spec"], *given, "-o", str(ctx.params["output"])])
