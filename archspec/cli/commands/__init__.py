"""The commands, one module for each, imported on first use: `count_paths.py` has `archspec count-paths`."""

from __future__ import annotations

import click

from archspec.cli.console import print_lines
from archspec.cli.errors import CommandGroup

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


def show_version(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    """Prints the version and exits."""
    from archspec import __version__

    if not requested or ctx.resilient_parsing:
        return
    print_lines(f"archspec {__version__}")
    ctx.exit()


@click.group(
    cls=CommandGroup, package=__name__, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_ABOUT
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Show the version."
)
def archspec() -> None:
    """Compile YAML descriptions of neural networks into checked graphs and PyTorch modules."""
