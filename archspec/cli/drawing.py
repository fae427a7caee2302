"""The command that draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archspec.cli.errors import SpecCommand, Unable
from archspec.cli.options import SPEC, architecture_options

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.draw.picture import Detail, Direction

_ENDINGS = (
    ".svg",
    ".png",
    ".pdf",
    ".dot",
    ".mmd",
    ".html",
)  # of archspec.draw.FORMATS, which is imported when it is needed
_DRAW = """\
\b
Examples:
  archspec draw resnet50                                the stages, to resnet50.svg
  archspec draw resnet50 --detail blocks -o blocks.pdf
  archspec draw my.yaml --detail layers --depth 2 -o - | dot -Tpng > my.png
"""


@click.command(cls=SpecCommand, epilog=_DRAW, help=f"Draw a picture of SPEC.\n\n{SPEC}")
@architecture_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to, by its ending: .svg, .png, .pdf, .dot, .mmd (Mermaid), .html; - for DOT on standard output.  [default: NAME.svg]",
)
@click.option(
    "--detail",
    type=click.Choice(["stages", "blocks", "layers", "paths"]),
    default="stages",
    show_default=True,
    help="How much it shows.",
)
@click.option("--fold/--no-fold", default=True, show_default=True, help="Draw equal parts in a row once, as ×N.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="Levels of parts that --detail layers opens.")
@click.option("--direction", type=click.Choice(["TB", "LR"]), help="From top to bottom or from left to right.")
@click.option(
    "--theme", type=click.Choice(["light", "dark", "print"]), default="light", show_default=True, help="The colours."
)
@click.option(
    "--max-boxes", type=click.IntRange(1), default=3000, show_default=True, metavar="N", help="Of --detail layers."
)
@click.option(
    "--max-paths", type=click.IntRange(1), default=64, show_default=True, metavar="N", help="Of --detail paths."
)
def draw(
    arch: Architecture,
    *,
    output: str | None,
    detail: Detail,
    fold: bool,
    depth: int | None,
    direction: Direction | None,
    theme: str,
    max_boxes: int,
    max_paths: int,
) -> None:
    from archspec.draw import THEMES, DrawError, sketch, written

    file = output or default_name(arch.name, ".svg")
    ending = ".dot" if file == "-" else Path(file).suffix.lower()
    if ending not in _ENDINGS:
        raise click.BadParameter(f"{file!r} does not end in {', '.join(_ENDINGS)}", param_hint="-o")
    if depth is not None and detail != "layers":
        raise click.BadParameter(
            f"--detail {detail} has no levels; it belongs to --detail layers", param_hint="--depth"
        )
    try:
        picture = sketch(
            arch.network, detail, fold=fold, depth=depth, direction=direction, max_boxes=max_boxes, max_paths=max_paths
        )
        data = written(picture, ending, THEMES[theme])
    except DrawError as error:
        raise Unable(str(error)) from error
    deliver(file, data)


def deliver(file: str, data: bytes) -> None:
    """Writes a file and says so, or standard output."""
    if file == "-":
        click.echo(data.decode(), nl=False)
        return
    Path(file).write_bytes(data)
    click.echo(f"written: {file}")


def default_name(name: str, ending: str) -> str:
    """The file that a network goes to if none is given: its name, with what a file name cannot have left out."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".")
    return (kept[:80] or "network") + ending
