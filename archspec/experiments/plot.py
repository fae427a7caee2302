"""Plots the results of experiments with matplotlib, as PNG or SVG and without a display."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from archspec import files
from archspec.experiments.gradients import Gradients
from archspec.experiments.lesions import Deletions, Lesions, Shuffles
from archspec.experiments.track import ExperimentError
from archspec.figure_style import COLOURS, MARKS, STYLE, load_matplotlib
from archspec.formats import find_format
from archspec.printable import escape_unprintable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Result = Lesions | Deletions | Shuffles | Gradients


def check_plot_path(path: Path) -> None:
    """Raises `ExportError` if a file has another ending than a plot, and `ExperimentError` without matplotlib."""
    find_format(path, "plot")
    load_matplotlib(ExperimentError)


def save_plot(path: Path, results: Sequence[Result]) -> None:
    """Plots results of one kind, one for each network, into one file. Raises as `check_plot_path` does, and OSError."""
    check_plot_path(path)
    with load_matplotlib(ExperimentError).rc_context(STYLE):
        figure = _draw_figure(results)
        ending = path.suffix.lower()
        metadata = {"Date": None} if ending == ".svg" else {}
        with files.replace_file(path) as file, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # drawn as a box
            figure.savefig(file, format=ending[1:], dpi=160, metadata=metadata)


def _draw_figure(results: Sequence[Result]) -> Figure:
    from matplotlib.figure import Figure

    kind = type(results[0])
    rows, columns, size = (len(results), 3, (10, 2.9 * len(results))) if kind is Gradients else (1, 1, (6.4, 3.6))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for index, result in enumerate(results):
        look = {
            "color": COLOURS[index % len(COLOURS)],
            "marker": MARKS[index % len(MARKS)],
            "label": _words(result.network),
        }
        if isinstance(result, Gradients):
            _plot_gradients(list(axes[index]), result)
        elif isinstance(result, Lesions):
            _plot_lesions(axes[0][0], result, _block_positions(results), look)
        elif isinstance(result, Deletions):
            _plot_deletions(axes[0][0], result, look)
        else:
            _plot_shuffles(axes[0][0], result, look)
    if kind is not Gradients:
        _finish_axes(axes[0][0], results)
    return figure


def _words(name: str) -> str:
    """A name escaped for matplotlib, where `$` begins a formula and labels that begin with `_` are left out."""
    shown = escape_unprintable(name).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _finish_axes(axes: Axes, results: Sequence[Result]) -> None:
    axes.set_ylabel("test error, %")
    axes.set_ylim(-2, 102)
    if len(results) > 1 or isinstance(results[0], Shuffles):
        axes.legend()
    else:
        axes.set_title(_words(results[0].network))


def _block_positions(results: Sequence[Result]) -> dict[str, int]:
    """The position of each block on the axis, by its name; networks share the positions of blocks of the same name."""
    names = dict.fromkeys(name for result in results if isinstance(result, Lesions) for name in result.errors)
    return {name: position for position, name in enumerate(names, start=1)}


def _plot_lesions(axes: Axes, result: Lesions, places: dict[str, int], look: dict[str, Any]) -> None:
    positions = [places[name] for name in result.errors]
    axes.plot(positions, _to_percent(result.errors.values()), markersize=4, linewidth=1, **look)
    axes.axhline(100 * result.baseline_error, color=look["color"], linestyle=":", linewidth=1)
    axes.set_xlabel("the one block deleted, from the input on (dotted: none)")


def _plot_deletions(axes: Axes, result: Deletions, look: dict[str, Any]) -> None:
    counts = [0, *result.errors]
    draws = [(result.baseline_error,), *result.errors.values()]
    axes.plot(counts, _to_percent(map(fmean, draws)), markersize=4, linewidth=1.2, **look)
    lowest, highest = _to_percent(map(min, draws)), _to_percent(map(max, draws))
    axes.fill_between(counts, lowest, highest, color=look["color"], alpha=0.18, linewidth=0)
    axes.set_xlabel("random blocks deleted (line: mean of the draws, band: all of them)")


def _plot_shuffles(axes: Axes, result: Shuffles, look: dict[str, Any]) -> None:
    taus, errors = [trial.tau for trial in result.trials], [trial.error for trial in result.trials]
    axes.scatter(taus, _to_percent(errors), s=22, alpha=0.8, linewidth=0, **look)
    axes.axhline(100 * result.baseline_error, color=look["color"], linestyle=":", linewidth=1)
    axes.set_xlabel("Kendall's tau of the order of the blocks (1: as trained; dotted: the error there)")
    axes.set_xlim(1.03, min([*taus, *([-axes.get_xlim()[1]] if axes.xaxis_inverted() else [])]) - 0.03)


def _plot_gradients(axes: list[Axes], result: Gradients) -> None:
    counts, sizes, parts = axes
    lengths = list(result.paths)
    colours = [COLOURS[1] if length in result.effective else COLOURS[0] for length in lengths]
    shares = [result.paths[length] / 2**result.blocks for length in lengths]
    counts.bar(lengths, _to_percent(shares), width=1, color=colours, alpha=0.85)
    counts.set(ylabel="% of all paths", title=f"{_words(result.network)}:\n$2^{{{result.blocks}}}$ paths")
    for length, draws in result.magnitudes.items():
        sizes.scatter([length] * len(draws), draws, s=5, color="#999999", alpha=0.6, linewidth=0, rasterized=True)
    sizes.plot(lengths, list(result.mean.values()), color=COLOURS[0], marker="o", markersize=3, linewidth=1)
    sizes.set(
        yscale="log", ylabel="L2 norm at the input", title="gradient through one path\n(dots: draws, line: their mean)"
    )
    parts.bar(lengths, _to_percent(result.contributions.values()), width=1, color=colours, alpha=0.85)
    parts.set(ylabel="% of the sum", title=f"paths × gradient: {_describe_effective(result)}")
    for plot in axes:
        plot.set_xlabel("length of the path, in blocks")


def _describe_effective(result: Gradients) -> str:
    return f"95 % in lengths\n{_format_ranges(result.effective)}, {100 * result.effective_share:.2g} % of all paths"


def _format_ranges(lengths: Sequence[int]) -> str:
    """Ascending integers, consecutive ones as first-last."""
    runs: list[list[int]] = []
    for length in lengths:
        if runs and runs[-1][-1] == length - 1:
            runs[-1].append(length)
        else:
            runs.append([length])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _to_percent(parts: Any) -> list[float]:
    return [100 * part for part in parts]
