"""The command `lesion`: writes a network with some blocks removed or exchanged, as a new spec."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

import archspec
from archspec import Diagnostic, files
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import WRONG_COMMAND, CommandError, SpecCommand, show_diagnostics
from archspec.cli.numbers import Integer, WholeNumber
from archspec.cli.options import SPEC, architecture_options, given_limits, json_option
from archspec.cli.output import check_alone, output_option
from archspec.cli.show import show_facts
from archspec.numerals import format_number, format_power_of_two

if TYPE_CHECKING:
    from archspec import Architecture

_LESION = """\
\b
Examples:
  archspec lesion resnet50 --drop layer2.3 -o without.yaml
  archspec lesion cifar_resnet110_A --random 10 --seed 1 -o damaged.yaml
  archspec lesion resnet50 --swap layer3.1 layer3.4 -o shuffled.yaml
"""


@click.command(
    "lesion", cls=SpecCommand, epilog=_LESION, help=f"Write SPEC without some of its blocks, as a new spec.\n\n{SPEC}"
)
@architecture_options
@click.option("--drop", multiple=True, metavar="NAME", help="A block whose residual branches go; repeatable.")
@click.option("--random", "count", type=WholeNumber(1), metavar="K", help="Drop K residual blocks, drawn at random.")
@click.option("--seed", type=Integer(), default=0, show_default=True, metavar="N", help="Of the draw.")
@click.option("--swap", nargs=2, multiple=True, metavar="A B", help="Two blocks that change places; repeatable.")
@output_option(stream=True, required=True, help="The new spec, .yaml; - for standard output.")
@click.option("--force", is_flag=True, help="Write over a file that is there already; never over SPEC.")
@json_option
def command(
    arch: Architecture,
    *,
    drop: tuple[str, ...],
    count: int | None,
    seed: int,
    swap: tuple[tuple[str, str], ...],
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    if not (drop or count or swap):
        raise click.UsageError("nothing to do: give --drop, --random or --swap")
    check_alone(output, as_json=as_json)
    given = click.get_current_context().params
    check_target(output, given["spec"], force=force)
    result = apply_lesion(arch, drop, swap, count or 0, seed)
    result.after.save(output, ending=".yaml", limits=given_limits(nodes=given["max_nodes"], bytes=given["max_bytes"]))
    if as_json:
        echo_json(result.as_dict() | {"written": str(output)})
    elif not files.is_standard_output(output):
        show_lesion(result, output)


@dataclass(frozen=True)
class LesionResult:
    """The network before and after a lesion; `without_shortcut` are the dropped parts that had no skip connection."""

    before: Architecture
    after: Architecture
    drop: tuple[str, ...]
    swap: tuple[tuple[str, str], ...]
    without_shortcut: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.before.name,
            "drop": list(self.drop),
            "swap": [list(pair) for pair in self.swap],
            "without_shortcut": list(self.without_shortcut),
            "paths": {"before": self.before.paths().total, "after": self.after.paths().total},
            "params": {"before": self.before.params, "after": self.after.params},
        }


def apply_lesion(
    arch: Architecture, drop: tuple[str, ...], swap: tuple[tuple[str, str], ...], count: int, seed: int
) -> LesionResult:
    """Applies a lesion to a network. Ends the command if it cannot be applied."""
    try:
        after = arch.lesion(drop, swap, random=count, seed=seed)
        dropped = tuple(after.rewrites[-1][1].get("drop", ()))
        return LesionResult(
            arch, after, dropped, swap, tuple(archspec.plan_lesion(arch.graph, dropped).without_shortcut)
        )
    except archspec.PassError as error:
        if error.span is None:
            raise click.UsageError(f"{error.message}; {error.help}" if error.help else error.message) from None
        show_diagnostics([Diagnostic(error.message, error.span, help=error.help)], as_json=False)
        raise click.exceptions.Exit(WRONG_COMMAND) from None


def check_target(out: Path, spec: str, *, force: bool) -> None:
    """Ends the command if the new spec would overwrite the old one, or an existing file without `--force`."""
    if spec == "-":
        raise CommandError("a spec from standard input cannot be extended: give the file")
    if out.exists() and not files.is_stream(out) and not force:
        raise CommandError(f"{out} is there already; --force writes over it")


def show_lesion(result: LesionResult, out: Path) -> None:
    """Prints what was changed, and the paths and parameters that are left."""
    print_lines(((result.before.name, "bold"),))
    changes = (("dropped", result.drop), ("swapped", [" and ".join(pair) for pair in result.swap]))
    before, after = result.before.paths().total, result.after.paths().total
    show_facts(
        *((action, ", ".join(names)) for action, names in changes if names),
        ("paths", f"{format_number(after)} of {format_number(before)}", _format_powers(after, before)),
        ("parameters", f"{result.after.params:,} of {result.before.params:,}"),
        ("written", str(out)),
    )
    for name in result.without_shortcut:
        print_lines(f"{name} has no shortcut: what enters it goes on in its place")


def _format_powers(after: int, before: int) -> str:
    powers = format_power_of_two(after), format_power_of_two(before)
    return " of ".join(powers) if all(powers) else ""
