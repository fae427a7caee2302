"""The commands."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.checking import look_at
from archspec.cli.comparing import diff, report
from archspec.cli.console import echo_json, find_screen, print_lines
from archspec.cli.drawing import draw
from archspec.cli.errors import CommandGroup, SpecCommand
from archspec.cli.experiments import experiment
from archspec.cli.options import ENDINGS, SPEC, architecture_options, json_option, limits_options
from archspec.cli.output import check_alone, ending_of, format_option, output_option, say_written
from archspec.cli.pipeline import pipeline
from archspec.cli.routes import count_paths, lesion
from archspec.cli.training import train
from archspec.cli.weights import WeightsOption, weights_options

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.spec.limits import Limits

_ABOUT = """\
\b
Examples:
  archspec list                               what is bundled
  archspec summary resnet50                   what each part has and costs
  archspec draw resnet50 -o resnet50.svg      a picture of its stages
  archspec build densenet169 --set growth=48  a variant, built and run once
  archspec check specs/*.yaml                 every mistake in every file

\b
Exit codes: 0 fine, 1 the spec is wrong, 2 the command line is wrong.
"""
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
_CHECK = """\
\b
Examples:
  archspec check my.yaml
  archspec check specs/*.yaml --json
  generate-spec | archspec check -
"""
_SUMMARY = """\
\b
Examples:
  archspec summary resnet50 --depth 3
  archspec summary my.yaml --set classes=10 --json
"""
_LIST = """\
\b
Examples:
  archspec list --family densenet
  archspec list "cifar10_*" --max-params 1000000
  archspec list --year 2016 --json
"""


def show_version(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    """Prints the version and ends the command."""
    from importlib.metadata import PackageNotFoundError, version

    if not requested or ctx.resilient_parsing:
        return
    try:
        print_lines(f"archspec {version('archspec-nn')}")
    except PackageNotFoundError:
        print_lines("archspec of a source tree that is not installed")
    ctx.exit()


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_ABOUT)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Show the version."
)
def archspec() -> None:
    """Compile YAML descriptions of neural networks into checked graphs and PyTorch modules."""


@archspec.command(cls=SpecCommand, epilog=_BUILD, help=f"Compile SPEC to PyTorch and run it once.\n\n{SPEC}")
@architecture_options
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where it runs."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the initialisation.")
@click.option("--batch", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="Samples in the run.")
@output_option(
    *ENDINGS, stream=True, help="Write the network instead: .py, .pt2, .onnx or .safetensors; - for standard output."
)
@format_option(*ENDINGS)
@weights_options
@click.option("--optimize", is_flag=True, help="For inference: the same outputs with less work.")
@json_option
@click.pass_context
def build(
    ctx: click.Context,
    arch: Architecture,
    *,
    device: str,
    seed: int,
    batch: int,
    output: Path | None,
    format: str | None,
    weights: str | None,
    optimize: bool,
    strict: bool,
    adapt: str,
    as_json: bool,
) -> None:
    from archspec.cli import make, show

    given = WeightsOption(weights, strict, adapt, as_json)
    check_alone(output, as_json=as_json)
    arch = arch.optimize() if optimize else arch
    if output is not None:
        ending = ending_of(output, format)
        if ending == ".py" and weights is not None:
            raise click.UsageError("source holds no weights: leave out --weights, or write .safetensors beside it")
        make.write_network(arch, output, ending, seed=seed, given=given, command=make.format_command(ctx))
        if as_json:
            echo_json(show.collect_facts(arch) | given.facts | {"written": str(output)})
        else:
            say_written(output, f"{arch.name}: {output} written")
        return
    trial = make.run_trial(arch, device=device, seed=seed, batch=batch, given=given)
    if as_json:
        echo_json(show.collect_facts(arch) | given.facts | trial.as_dict())
        return
    show.show_build(arch, trial)


@archspec.command(epilog=_CHECK, help=f"Report every mistake in every SPEC, its `expect` included.\n\n{SPEC}")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@limits_options
@json_option
def check(*, specs: tuple[str, ...], limits: Limits, as_json: bool) -> None:
    if specs.count("-") > 1:
        raise click.BadParameter("standard input can be one spec, not two", param_hint="SPEC")
    results = [look_at(spec, limits) for spec in specs]
    wrong = sum(1 for checked in results if checked.exit_code)
    warnings = sum(checked.warnings for checked in results)
    if as_json:
        echo_json({"ok": not wrong, "files": [checked.as_dict() for checked in results]})
    else:
        for checked in results:
            checked.show()
        if not all(checked.unread for checked in results):
            print_lines(f"{len(results)} checked, {wrong or 'none'} wrong{_format_count(warnings)}")
    sys.exit(max(checked.exit_code for checked in results))


def _format_count(warnings: int) -> str:
    return f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""


@archspec.command(cls=SpecCommand, epilog=_SUMMARY, help=f"Show the parts of a network and what each costs.\n\n{SPEC}")
@architecture_options
@click.option("--depth", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="Levels of parts.")
@json_option
def summary(arch: Architecture, *, depth: int, as_json: bool) -> None:
    table = arch.summary(depth=depth)
    if as_json:
        echo_json(table.as_dict())
        return
    from archspec.report.table import render_summary

    print_lines(*render_summary(table, find_screen().width, find_screen().text).splitlines(), laid_out=True)


@archspec.command()
def schema() -> None:
    """Print the JSON Schema of the language, for completion and checks in an editor."""
    from archspec.api import schema as json_schema

    echo_json(json_schema())


@archspec.command("list", epilog=_LIST)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--family", metavar="TEXT", help="Only families whose name holds TEXT.")
@click.option("--year", type=int, help="Only networks of that year.")
@click.option("--max-params", type=click.IntRange(0), metavar="N", help="Only networks with at most N parameters.")
@click.option("--max-macs", type=click.IntRange(0), metavar="N", help="Only networks with at most N MACs.")
@json_option
def list_bundled(
    patterns: tuple[str, ...],
    *,
    family: str | None,
    year: int | None,
    max_params: int | None,
    max_macs: int | None,
    as_json: bool,
) -> None:
    """List the bundled networks, family by family, with their counts.

    A PATTERN is a part of a name, or has * and ? in it.
    """
    from archspec.cli import show
    from archspec.spec.zoo import load_zoo

    chosen = [
        entry
        for entry in load_zoo()
        if (not patterns or any(matches_pattern(entry.name, pattern) for pattern in patterns))
        and (family is None or family.lower() in entry.family.lower())
        and (year is None or entry.year == year)
        and (max_params is None or entry.params <= max_params)
        and (max_macs is None or entry.macs <= max_macs)
    ]
    if as_json:
        echo_json([entry.as_dict() for entry in chosen])
        return
    if chosen:
        show.format_listing(chosen)
    else:
        print_lines("no bundled network is like that")


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a name holds a pattern, or is like one with `*` and `?`."""
    return fnmatchcase(name, pattern if set(pattern) & set("*?[") else f"*{pattern}*")


for command in (count_paths, lesion, draw, report, diff, pipeline, train, experiment):
    archspec.add_command(command)
