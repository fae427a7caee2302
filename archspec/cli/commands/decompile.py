"""The command `decompile`: writes a network as a spec of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec import files
from archspec.cli.errors import SpecCommand
from archspec.cli.options import SPEC, architecture_options
from archspec.cli.output import output_option, say_written

if TYPE_CHECKING:
    from archspec import Architecture

_DECOMPILE = """\
\b
Examples:
  archspec decompile resnet50 -o -
  archspec decompile my_lesioned.yaml -o alone.yaml
  archspec decompile resnet50 --outputs layer2,layer4 -o backbone.yaml
  archspec decompile resnet50 --optimize -o inference.yaml
"""


@click.command(
    "decompile",
    cls=SpecCommand,
    epilog=_DECOMPILE,
    help="Write the network of SPEC, after its passes and without what it extends, as a spec of its own.\n\n"
    f"The new spec compiles to the same graph, with the same names of modules, which is checked.\n\n{SPEC}",
)
@architecture_options
@output_option(".yaml", ".yml", stream=True, required=True, help="The new spec, .yaml; - for standard output.")
@click.option("--optimize", is_flag=True, help="The network for inference, with the same outputs and less work.")
def command(arch: Architecture, *, output: Path, optimize: bool) -> None:
    files.write_atomically(output, (arch.optimize() if optimize else arch).decompile())
    say_written(output)
