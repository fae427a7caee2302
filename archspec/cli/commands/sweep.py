"""The commands `sweep …`: count all variants of a space, look at them, and write one as a spec."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import archspec
from archspec import files
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import HelpGroup, SpecCommand
from archspec.cli.numbers import Limit, WholeNumber
from archspec.cli.options import json_option
from archspec.cli.output import output_option, say_written
from archspec.cli.show import show_facts, show_table
from archspec.columns import Column
from archspec.numerals import format_number

if TYPE_CHECKING:
    from archspec.sweep.figures import Kind
    from archspec.sweep.store import Row

_SWEEP = """\
\b
Examples:
  archspec sweep space.yaml -d equal_cost --processes 2
  archspec sweep show equal_cost --where "groups > 1" --sort macs
  archspec sweep show equal_cost --pareto params,-paths --top 10
  archspec sweep pick equal_cost 3f9a -o best.yaml
  archspec sweep plot equal_cost -o equal_cost.html -- params -paths
"""

_HIDDEN = (
    *("status", "message", "structure", "seconds", "machine", "buffers", "longest", "shortest"),
    *("latency_low", "latency_high", "latency_note", "test_error_low", "test_error_high", "test_error_note"),
)
"""The columns that are shown only in JSON, CSV and Parquet, unless they are asked for."""


class SweepGroup(HelpGroup):
    """The group of commands about sweeps, in which a name that is no command is the space of `run`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("--"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


@click.group("sweep", cls=SweepGroup, epilog=_SWEEP)
def command() -> None:
    """Count all variants of a space exactly, before anything is built.

    A space is a YAML file: a base network, what varies, and which points are wanted. `archspec sweep space.yaml` is short for
    `archspec sweep run space.yaml`.
    """


@command.command(cls=SpecCommand)
@click.argument("space", metavar="SPACE")
@click.option(
    "-d", "--dir", "folder", metavar="DIR", help="The folder of the results; the name of the space if not given."
)
@click.option("--processes", type=WholeNumber(1), default=1, show_default=True, metavar="N", help="That count at once.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="A scheduler of Dask distributed whose workers count, as tcp://host:8786."
)
@json_option
def run(space: str, *, folder: str | None, processes: int, scheduler: str | None, as_json: bool) -> None:
    """Count the points of SPACE and measure what it asks for; a run that was ended goes on where it was."""
    from archspec.cli.progress import make_progress
    from archspec.sweep.run import run_sweep, tally_points
    from archspec.sweep.space import read_space

    chosen = read_space(space)
    target = Path(folder or files.name_file(chosen.name, ""))
    with make_progress() as progress:
        tasks: dict[str, Any] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(f"{chosen.name} {name}", total=total, note="")
            progress.update(tasks[name], completed=done)

        outcome = run_sweep(chosen, target, processes=processes, scheduler=scheduler, advance=advance)
    tally = tally_points(target)
    if as_json:
        echo_json(
            {
                "points": outcome.points,
                "counted": outcome.counted,
                **tally.statuses,
                "structures": tally.structures,
                **({"measured": outcome.measured} if outcome.measured else {}),
                "written": str(target),
            }
        )
        return
    show_facts(
        ("points", f"{outcome.points:,}", f"{outcome.counted:,} counted now"),
        ("ok", f"{tally.statuses['ok']:,}", f"{tally.structures:,} different structures"),
        ("excluded", f"{tally.statuses['excluded']:,}", "by a condition"),
        ("invalid", f"{tally.statuses['invalid']:,}", "which are no networks"),
        *[(name, f"{count:,}", "measured now") for name, count in outcome.measured.items()],
        ("written", str(target)),
    )
    for message, count in tally.messages.most_common(3):
        print_lines(f"{count:,}× {message}")
    if outcome.measured:
        show_failures(target, list(outcome.measured))


def show_failures(folder: Path, measures: list[str]) -> None:
    """Prints why points were not measured."""
    rows = [row for row in read_rows(folder) if row["status"] == "ok"]
    for name in measures:
        notes = Counter(row.get(f"{name}_note") for row in rows if row.get(name) is None)
        for note, count in notes.most_common(3):
            print_lines(f"{count:,}× no {name}: {note or 'not measured'}")


def read_rows(folder: Path) -> list[Row]:
    """The rows of a sweep."""
    from archspec.sweep.choose import read_table

    return read_table(folder)[1]


@command.command(cls=SpecCommand)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--where", multiple=True, metavar="COND", help='Only such points: "params < 5e6"; repeatable.')
@click.option("--sort", metavar="COLUMN", help="The order; -COLUMN for the greatest first.")
@click.option("--pareto", metavar="COLUMNS", help="Only the best: params,-paths has few parameters and many paths.")
@click.option("--distinct", is_flag=True, help="Of networks with the same structure only one.")
@click.option("--top", type=Limit(1), metavar="N", help="The most rows.")
@json_option
def show(
    folder: Path,
    *,
    where: tuple[str, ...],
    sort: str | None,
    pareto: str | None,
    distinct: bool,
    top: int | None,
    as_json: bool,
) -> None:
    """Show points of the sweep in DIR, also while it runs."""
    from archspec.sweep.choose import select_rows
    from archspec.sweep.conditions import ConditionError

    objectives = [name.strip() for name in (pareto or "").split(",") if name.strip()]
    if pareto is not None and not objectives:
        raise click.UsageError(f"--pareto: expected names of columns, got {pareto!r}")
    try:
        rows = select_rows(read_rows(folder), where=where, sort=sort, pareto=objectives, top=top, distinct=distinct)
    except ConditionError as error:
        raise click.UsageError(f"--where: {error}") from None
    if as_json:
        echo_json(rows)
    elif not rows:
        print_lines("no point is like that")
    else:
        show_rows(rows, asked={*objectives, sort or ""})


def show_rows(rows: list[Row], *, asked: set[str]) -> None:
    """Prints rows as a table, without the columns that say little."""
    names = [name for name in rows[0] if name not in _HIDDEN or name in {text.lstrip("-") for text in asked}]
    columns = [Column(name, right=isinstance(rows[0][name], int | float)) for name in names]
    cells = [[_format_cell(row[name]) for name in names] for row in rows]
    show_table(columns, cells, cuts=((0, 6),), drops=range(len(names) - 1, 0, -1))


def _format_cell(value: object) -> str:
    if isinstance(value, int):
        return format_number(value, most=12)
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@command.command(cls=SpecCommand)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("digest", metavar="DIGEST")
@output_option(".yaml", ".yml", stream=True, required=True, help="The new spec, .yaml; - for standard output.")
def pick(folder: Path, digest: str, *, output: Path) -> None:
    """Write the point of DIR whose digest begins with DIGEST as a spec of a few lines."""
    from archspec.sweep.choose import save_point

    save_point(folder, digest, output)
    say_written(output)


@command.command(cls=SpecCommand)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("columns", metavar="COLUMN...", nargs=-1)
@click.option(
    "--kind",
    type=click.Choice(["scatter", "distribution", "parallel", "heat"]),
    help="scatter (of a picture, if not given): two columns and their front; distribution: of one; parallel: any; heat: two and the colour.",
)
@click.option("--colour", metavar="COLUMN", help="A column whose values have colours.")
@click.option("--where", multiple=True, metavar="COND", help="Only such points; repeatable.")
@click.option("--distinct", is_flag=True, help="Of networks with the same structure only one.")
@click.option(
    "--reports",
    type=WholeNumber(0),
    metavar="N",
    help="Networks whose reports a page carries, the best in COLUMNs first; 24.",
)
@output_option(
    *archspec.list_endings("plot"),
    ".html",
    help="A picture, .png or .svg, or a page of all, .html.  [default: NAME.svg]",
)
def plot(
    folder: Path,
    columns: tuple[str, ...],
    *,
    kind: Kind | None,
    colour: str | None,
    where: tuple[str, ...],
    distinct: bool,
    reports: int | None,
    output: Path | None,
) -> None:
    """Draw points of the sweep in DIR: a picture of some columns, or one page without requests with figures, table and reports."""
    from archspec.sweep.choose import read_table, select_rows
    from archspec.sweep.conditions import ConditionError
    from archspec.sweep.figures import save_figure
    from archspec.sweep.page import REPORTS, save_page

    output = output or files.name_file(folder.resolve().name, ".svg")
    is_page = output.suffix.lower() == ".html"
    unused = (
        [name for name, given in (("--kind", kind), ("--colour", colour)) if given]
        if is_page
        else ["--reports"] * (reports is not None)
    )
    if unused:
        raise click.UsageError(f"{unused[0]} is for a {'picture' if is_page else 'page, .html'}")
    if not (is_page or columns):
        raise click.UsageError("Missing argument 'COLUMN...'.")
    space, rows = read_table(folder)
    try:
        chosen = select_rows(rows, where=where, distinct=distinct)
    except ConditionError as error:
        raise click.UsageError(f"--where: {error}") from None
    if is_page:
        save_page(output, space, chosen, columns, reports=REPORTS if reports is None else reports)
    else:
        save_figure(output, kind or "scatter", chosen, columns, colour)
    say_written(output)
