"""The command `draw`: writes a picture of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec import files, list_endings
from archspec.cli.errors import SpecCommand
from archspec.cli.numbers import Limit
from archspec.cli.options import SPEC, architecture_options
from archspec.cli.output import ending_of, format_option, output_option, say_written

if TYPE_CHECKING:
    from archspec import Architecture, Detail, Direction, Fit

_ENDINGS = list_endings("picture")
_DRAW = """\
\b
Examples:
  archspec draw resnet50
  archspec draw resnet50 --detail blocks -o blocks.pdf
  archspec draw my.yaml --detail layers --depth 2 -o - | dot -Tpng > my.png
  archspec draw my.yaml -o - --format svg | viewer
"""


@click.command("draw", cls=SpecCommand, epilog=_DRAW, help=f"Draw a picture of SPEC.\n\n{SPEC}")
@architecture_options
@output_option(
    *_ENDINGS,
    stream=True,
    help=f"Where to, by its ending: {', '.join(_ENDINGS)}; - for standard output, which gets DOT.  [default: NAME.svg]",
)
@format_option("picture")
@click.option(
    "--detail",
    type=click.Choice(["stages", "blocks", "layers", "paths"]),
    default="stages",
    show_default=True,
    help="How much it shows.",
)
@click.option("--fold/--no-fold", default=True, show_default=True, help="Draw equal parts in a row once, as ×N.")
@click.option("--depth", type=Limit(1), metavar="N", help="Levels of parts that --detail layers opens.")
@click.option(
    "--compact/--no-compact",
    default=True,
    show_default=True,
    help="Draw a layer, its normalisation and its activation as one box of --detail blocks.",
)
@click.option("--direction", type=click.Choice(["TB", "LR"]), help="From top to bottom or from left to right.")
@click.option(
    "--fit",
    type=click.Choice(["column", "page", "slide"]),
    help="Fit it to 3.25 × 9 in, 6.5 × 9 in or 13.33 × 7.5 in, with type of at least 7 points.",
)
@click.option(
    "--scale/--no-scale",
    default=False,
    show_default=True,
    help="Draw stages higher for a finer resolution and wider for more channels.",
)
@click.option(
    "--theme", type=click.Choice(["light", "dark", "print"]), default="light", show_default=True, help="The colours."
)
@click.option("--max-boxes", type=Limit(1), default=3000, show_default=True, metavar="N", help="Of --detail layers.")
@click.option(
    "--max-paths",
    type=Limit(1),
    default=64,
    show_default=True,
    metavar="N",
    help="That --detail paths draws one by one; of more, the number through each arrow.",
)
def command(
    arch: Architecture,
    *,
    output: Path | None,
    format: str | None,
    detail: Detail,
    fold: bool,
    depth: int | None,
    direction: Direction | None,
    fit: Fit | None,
    compact: bool,
    scale: bool,
    theme: str,
    max_boxes: int,
    max_paths: int,
) -> None:
    file = output or files.name_file(arch.name, format or ".svg")
    ending = ending_of(file, format, ".dot")
    if depth is not None and detail != "layers":
        raise click.BadParameter(
            f"--detail {detail} has no levels; it belongs to --detail layers", param_hint="--depth"
        )
    if not compact and detail != "blocks":
        raise click.BadParameter(
            f"--detail {detail} is not compact; it belongs to --detail blocks", param_hint="--no-compact"
        )
    arch.save(
        file,
        kind="picture",
        ending=ending,
        theme=theme,
        detail=detail,
        fold=fold,
        depth=depth,
        direction=direction,
        fit=fit,
        compact=compact,
        scale=scale,
        max_boxes=max_boxes,
        max_paths=max_paths,
    )
    say_written(file)
