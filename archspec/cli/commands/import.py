"""The command `import`: writes the spec of a PyTorch model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import archspec
from archspec import files
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import WRONG_SPEC, SpecCommand
from archspec.cli.options import arguments_option, input_option, json_option, read_sizes
from archspec.cli.output import OutputFile, output_option, say_written
from archspec.cli.show import show_facts

if TYPE_CHECKING:
    from archspec import Imported, Source

_IMPORT = """\
\b
Examples:
  archspec import torchvision:resnet50 -o resnet50.yaml
  archspec import timm:convnext_atto -o - --no-proof
  archspec import model.py:MyNet --input 1,28,28 --args classes=10 -o net.yaml --weights net.safetensors
"""


@click.command(
    "import",
    cls=SpecCommand,
    epilog=_IMPORT,
    help="Write the spec of a PyTorch model, with the model's own module names.\n\n"
    "SOURCE is torchvision:NAME, timm:NAME, FILE.py:FACTORY, MODULE:FACTORY or an exported program, FILE.pt2. Its code is run. "
    "The spec is compiled, takes the model's weights, and is compared with the model: outputs, and gradients of a training step.",
)
@click.argument("source", metavar="SOURCE")
@output_option(".yaml", ".yml", stream=True, required=True, help="The spec, .yaml; - for standard output.")
@input_option
@click.option("--name", metavar="NAME", help="The name of the network.")
@arguments_option
@click.option(
    "--weights", type=OutputFile(".safetensors", ".pt", ".pth"), metavar="F", help="A file for the model's weights."
)
@click.option("--proof/--no-proof", default=True, help="Whether the network is built and compared with the model.")
@click.option(
    "--partial",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the model has no spec: a folder for those of its parts that have one.",
)
@json_option
def command(
    *,
    source: str,
    output: Path,
    inputs: dict[str, Source],
    name: str | None,
    arguments: dict[str, str],
    weights: Path | None,
    proof: bool,
    partial: Path | None,
    as_json: bool,
) -> None:
    result = archspec.imported(
        source, read_sizes(inputs), name=name, arguments=archspec.parse_arguments(arguments), proof=proof
    )
    if result.spec is None:
        _show_problems(result, as_json=as_json)
        if partial is not None:
            for path in result.save_parts(partial):
                say_written(path)
        sys.exit(WRONG_SPEC)
    files.write_atomically(output, result.spec)
    if weights is not None:
        result.save_weights(weights)
    _show_result(result, output, weights, as_json=as_json)


def _show_problems(result: Imported, *, as_json: bool) -> None:
    if as_json:
        echo_json({"name": result.name, "problems": [problem.as_dict() for problem in result.problems]})
        return
    count = len(result.problems)
    for problem in result.problems:
        print_lines((("error", "red bold"), (f": {problem}", "")), err=True)
        if problem.help:
            print_lines(f"  help: {problem.help}", err=True)
    print_lines(f"{result.name} has no spec: {count} problem{'s' if count > 1 else ''}", err=True)


def _show_result(result: Imported, output: Path, weights: Path | None, *, as_json: bool) -> None:
    """Prints the proof and what was written; on standard error if the spec is on standard output."""
    if as_json and output != files.STANDARD_OUTPUT:
        facts = None if result.proof is None else result.proof.as_dict()
        echo_json({"name": result.name, "params": result.require().params, "proof": facts, "notes": list(result.notes)})
        return
    if result.proof is not None and output != files.STANDARD_OUTPUT:
        proof = result.proof
        show_facts(
            ("weights", f"{result.require().params:,}", "the model's state_dict loads strictly"),
            ("outputs", _describe(proof.output_difference), "in evaluation mode"),
            (
                "training",
                _describe(proof.gradient_difference),
                "gradients and running statistics of one step, without dropout",
            ),
        )
        if proof.reason:
            print_lines(f"note: the model fails in training mode: {proof.reason}", err=True)
    for note in result.notes:
        print_lines(f"note: {note}", err=True)
    say_written(output)
    if weights is not None:
        say_written(weights)


def _describe(difference: float | None) -> str:
    if difference is None:
        return "not compared"
    return f"equal up to rounding, by {difference:.2g}" if difference else "equal bit by bit"
