"""How what was measured looks on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import click
from rich.table import Table

from archspec.cli.show import grid, render, whole
from archspec.experiments.gradients import Gradients
from archspec.experiments.lesions import Deletions, Lesions, Shuffles
from archspec.experiments.plot import Result
from archspec.experiments.state import Epoch


def trained(name: str, out: Path, epochs: Sequence[Epoch]) -> None:
    """How a training went, by its last epoch."""
    click.secho(name, bold=True)
    table = grid()
    table.add_row("epochs", str(epochs[-1].number))
    table.add_row("loss", f"{epochs[-1].loss:.4f}", "mean of the last epoch")
    table.add_row("test error", f"{epochs[-1].test_error:.2%}")
    table.add_row("weights", str(out))
    render(table)


def result(found: Result) -> None:
    click.secho(found.network, bold=True)
    if isinstance(found, Gradients):
        _gradients(found)
    elif isinstance(found, Lesions):
        rows = [(name, f"{error:.2%}") for name, error in found.errors.items()]
        _table(("block deleted", "test error"), [("none", f"{found.whole:.2%}"), *rows])
    elif isinstance(found, Deletions):
        _deletions(found)
    else:
        _shuffles(found)


def _deletions(found: Deletions) -> None:
    draws = [(0, (found.whole,)), *found.errors.items()]
    rows = [(str(count), f"{fmean(one):.2%}", f"{min(one):.2%}", f"{max(one):.2%}") for count, one in draws]
    _table(("blocks deleted", "mean test error", "lowest", "highest"), rows)


def _shuffles(found: Shuffles) -> None:
    rows = [(str(one.swaps), f"{one.tau:.3f}", f"{one.error:.2%}") for one in found.trials]
    _table(("exchanges", "Kendall's tau", "test error"), [("0", "1.000", f"{found.whole:.2%}"), *rows])


def _gradients(found: Gradients) -> None:
    rows = [
        (
            str(length) + ("*" if length in found.effective else ""),
            whole(found.paths[length]),
            f"{found.mean[length]:.3e}",
            f"{found.contributions[length]:.3%}",
        )
        for length in found.paths
    ]
    _table(("length", "paths", "gradient of one", "paths × gradient"), rows)
    click.echo(f"* the fewest lengths with 95 % of the last column: {found.effective_share:.4%} of all paths")
    click.echo(f"the whole gradient: {found.full:.3e}; L2 norms at the input, means over {found.samples} samples")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for at, head in enumerate(heads):
        table.add_column(head, justify="right" if at else "left")
    for row in rows:
        table.add_row(*row)
    render(table)
