"""Prints the results of trainings and experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from archspec.cli.console import print_lines
from archspec.cli.show import show_facts, show_table
from archspec.columns import Column
from archspec.experiments.gradients import Gradients
from archspec.experiments.lesions import Deletions, Lesions, Shuffles
from archspec.experiments.plot import Result
from archspec.experiments.state import Epoch
from archspec.numerals import format_number


def show_training(name: str, out: Path, epochs: Sequence[Epoch]) -> None:
    """Prints the result of a training's last epoch."""
    print_lines(((name, "bold"),))
    show_facts(
        ("epochs", str(epochs[-1].number)),
        ("loss", f"{epochs[-1].loss:.4f}", "mean of the last epoch"),
        ("test error", f"{epochs[-1].test_error:.2%}"),
        ("weights", str(out)),
    )


def show_result(measured: Result) -> None:
    print_lines(((measured.network, "bold"),))
    if isinstance(measured, Gradients):
        _show_gradients(measured)
    elif isinstance(measured, Lesions):
        rows = [(name, f"{error:.2%}") for name, error in measured.errors.items()]
        _print_table(("block deleted", "test error"), [("none", f"{measured.baseline_error:.2%}"), *rows])
    elif isinstance(measured, Deletions):
        _show_deletions(measured)
    else:
        _show_shuffles(measured)


def _show_deletions(deletions: Deletions) -> None:
    draws = [(0, (deletions.baseline_error,)), *deletions.errors.items()]
    rows = [(str(count), f"{fmean(errors):.2%}", f"{min(errors):.2%}", f"{max(errors):.2%}") for count, errors in draws]
    _print_table(("blocks deleted", "mean test error", "lowest", "highest"), rows)


def _show_shuffles(shuffles: Shuffles) -> None:
    rows = [(str(trial.swaps), f"{trial.tau:.3f}", f"{trial.error:.2%}") for trial in shuffles.trials]
    _print_table(
        ("exchanges", "Kendall's tau", "test error"), [("0", "1.000", f"{shuffles.baseline_error:.2%}"), *rows]
    )


def _show_gradients(gradients: Gradients) -> None:
    rows = [
        (
            str(length) + ("*" if length in gradients.effective else ""),
            format_number(gradients.paths[length]),
            f"{gradients.mean[length]:.3e}",
            f"{gradients.contributions[length]:.3%}",
        )
        for length in gradients.paths
    ]
    _print_table(("length", "paths", "gradient of one", "paths × gradient"), rows)
    print_lines(f"* the fewest lengths with 95 % of the last column: {gradients.effective_share:.4%} of all paths")
    print_lines(
        f"the whole gradient: {gradients.full:.3e}; L2 norms at the input, means over {gradients.samples} samples"
    )


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    show_table([Column(head, right=bool(column)) for column, head in enumerate(heads)], rows, cuts=((0, 16),))
