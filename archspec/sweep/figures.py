"""Draws sweeps: fronts, distributions, parallel coordinates, and heat maps over two arguments."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from archspec import files
from archspec.figure_style import COLOURS, MARKS, STYLE, load_matplotlib
from archspec.formats import find_format
from archspec.sweep.choose import ChoiceError, find_front, require_columns
from archspec.sweep.store import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["scatter", "distribution", "parallel", "heat"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_DRAWS = 200  # bootstrap samples of a band
_MOST = 2000  # lines of parallel coordinates
_OPAQUE = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # behind the text on an axis
_LARGE = 1000  # numbers from which on k, M and G are written


def save_figure(path: Path, kind: Kind, rows: Sequence[Row], columns: Sequence[str], colour: str | None = None) -> None:
    """Draws rows of a sweep into a `.png` or `.svg` file.

    Args:
        path: the file.
        kind: "scatter" of the second column over the first, with the rows that no other beats in both as a line;
            "distribution", the share of rows up to each value of the first column, with a band of 95 % by the bootstrap
            (Radosavovic et al. 2019, arXiv:1905.13214, equation 1); "parallel", a line for each row through all columns; "heat", the
            last column by the first two, the mean where several rows share them.
        rows: of one sweep.
        columns: what is drawn; `-` before one of a scatter means that more is better.
        colour: a column whose values have colours of their own.

    Raises:
        ChoiceError: there is no such column, or not as many as the kind needs.
        ExportError: the file has another ending.
        UnavailableError: matplotlib is not installed.
        OSError: it cannot be written.
    """
    find_format(path, "plot")
    matplotlib = load_matplotlib()
    needed = {"scatter": 2, "distribution": 1, "heat": 3}.get(kind, len(columns) or 2)
    if len(columns) != needed:
        raise ChoiceError(f"a {kind} figure needs {needed} columns, got {', '.join(columns) or 'none'}")
    require_columns(rows, [*columns, *([colour] if colour else [])])
    names = [name.removeprefix("-") for name in columns]
    known = [row for row in rows if all(row[name] is not None for name in names)]
    if not known:
        raise ChoiceError("no row has all of these columns")
    if kind != "parallel":
        _require_numbers(known, names[2:] if kind == "heat" else names)
    known, columns = _take_logarithms(known, columns)
    with matplotlib.rc_context(STYLE):
        figure = matplotlib.figure.Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.subplots()
        _DRAW[kind](axes, known, columns, colour)
        _shorten_numbers(figure)
        with files.replace_file(path) as file:
            ending = path.suffix.lower()
            figure.savefig(file, format=ending[1:], dpi=160, metadata={"Date": None} if ending == ".svg" else {})


def _require_numbers(rows: Sequence[Row], names: Sequence[str]) -> None:
    for name in names:
        word = next((row[name] for row in rows if not isinstance(row[name], int | float)), None)
        if word is not None:
            raise ChoiceError(f"{name} needs numbers for this figure, got {word!r}")


def _take_logarithms(rows: list[Row], columns: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Rows and columns with the logarithms of those numbers of paths that no float has room for."""
    chosen = []
    for column in columns:
        name = column.removeprefix("-")
        if any(isinstance(row[name], int) and row[name] > sys.float_info.max for row in rows):
            rows = [row | {f"log10 {name}": math.log10(row[name])} for row in rows if row[name] > 0]
            column = f"{'-' * column.startswith('-')}log10 {name}"
        chosen.append(column)
    return rows, chosen


def _shorten_numbers(figure: Figure) -> None:
    """Writes large numbers of all scales as 40 M instead of 4e7."""
    from matplotlib.ticker import EngFormatter, ScalarFormatter

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        large = max(map(abs, axis.get_view_interval())) >= _LARGE
        if large and type(axis.get_major_formatter()) is ScalarFormatter:
            axis.set_major_formatter(EngFormatter(sep=" "))


def _group_rows(rows: Sequence[Row], colour: str | None) -> dict[Any, list[Row]]:
    """The rows by the values of a column, the most frequent values apart and the others together."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[colour] if colour else None, []).append(row)
    if len(groups) <= len(COLOURS):
        return dict(sorted(groups.items(), key=lambda pair: (str(type(pair[0])), pair[0])))
    large = sorted(groups, key=lambda value: -len(groups[value]))[: len(COLOURS) - 1]
    rest = [row for value, members in groups.items() if value not in large for row in members]
    return {value: groups[value] for value in large} | {"others": rest}


def _draw_scatter(axes: Axes, rows: Sequence[Row], columns: Sequence[str], colour: str | None) -> None:
    across, up = (name.removeprefix("-") for name in columns)
    for number, (value, members) in enumerate(_group_rows(rows, colour).items()):
        label = f"{colour} {value}" if colour else None
        look: Any = {"color": COLOURS[number], "marker": MARKS[number], "label": label, "alpha": 0.65, "linewidth": 0}
        axes.scatter([float(row[across]) for row in members], [float(row[up]) for row in members], s=18, **look)
    front = find_front(rows, columns)
    front.sort(key=lambda row: row[across])
    axes.plot(
        [float(row[across]) for row in front],
        [float(row[up]) for row in front],
        color="#333333",
        linewidth=1,
        drawstyle="steps-post",
        marker="o",
        markersize=6,
        markerfacecolor="none",
        label=f"best in both ({len(front)})",
    )
    axes.set(xlabel=across, ylabel=up)
    _choose_scales(axes, rows, across, up)
    axes.legend()


def _choose_scales(axes: Axes, rows: Sequence[Row], across: str, up: str) -> None:
    """Logarithmic axes for numbers above 0 that span more than a factor of 50."""
    for name, set_scale in ((across, axes.set_xscale), (up, axes.set_yscale)):
        values = [float(row[name]) for row in rows]
        if min(values) > 0 and max(values) > 50 * min(values):
            set_scale("log")


def _draw_distribution(axes: Axes, rows: Sequence[Row], columns: Sequence[str], colour: str | None) -> None:
    (column,) = columns
    for number, (value, members) in enumerate(_group_rows(rows, colour).items()):
        values = sorted(float(row[column]) for row in members)
        places = sorted(set(values))
        label = f"{colour} {value} ({len(values)})" if colour else f"{len(values)} networks"
        axes.step(places, _shares(values, places), where="post", color=COLOURS[number], label=label)
        low, high = _bootstrap(values, places)
        axes.fill_between(places, low, high, step="post", color=COLOURS[number], alpha=0.18, linewidth=0)
    axes.set(xlabel=column, ylabel="share of networks up to it", ylim=(0, 1.02))
    axes.legend()


def _shares(values: Sequence[float], places: Sequence[float]) -> list[float]:
    """The share of sorted values that are at most each place."""
    shares, position = [], 0
    for place in places:
        while position < len(values) and values[position] <= place:
            position += 1
        shares.append(position / len(values))
    return shares


def _bootstrap(values: Sequence[float], places: Sequence[float]) -> tuple[list[float], list[float]]:
    """The band that holds 95 % of the distributions of samples with repetition."""
    generator = random.Random(0)  # noqa: S311 - not for secrets
    curves = [_shares(sorted(generator.choices(values, k=len(values))), places) for _ in range(_DRAWS)]
    ordered = [sorted(shares) for shares in zip(*curves, strict=True)]
    edge = round(0.025 * _DRAWS)
    return [shares[edge] for shares in ordered], [shares[-1 - edge] for shares in ordered]


def _draw_parallel(axes: Axes, rows: Sequence[Row], columns: Sequence[str], colour: str | None) -> None:
    scales = {name: _Scale([row[name] for row in rows]) for name in columns}
    groups = _group_rows(rows[:_MOST], colour)
    for number, (value, members) in enumerate(groups.items()):
        for place, row in enumerate(members):
            heights = [scales[name].height(row[name]) for name in columns]
            label = f"{colour} {value}" if colour and place == 0 else None
            axes.plot(range(len(columns)), heights, color=COLOURS[number], alpha=0.35, linewidth=0.8, label=label)
    for place, name in enumerate(columns):
        axes.axvline(place, color="#333333", linewidth=1)
        axes.text(place, 1.03, scales[name].high, ha="center", fontsize=8, bbox=_OPAQUE)
        axes.text(place, -0.03, scales[name].low, ha="center", va="top", fontsize=8, bbox=_OPAQUE)
    axes.set(xticks=range(len(columns)), xticklabels=columns, yticks=[], ylim=(-0.1, 1.1))
    axes.tick_params(axis="x", length=0, pad=14)
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    if colour:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _shorten_number(number: float) -> str:
    from matplotlib.ticker import EngFormatter

    return EngFormatter(places=1, sep=" ")(number) if abs(number) >= _LARGE else f"{number:.4g}"


class _Scale:
    """Heights from 0 to 1 for numbers, or for words in their order."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.words = None if all(isinstance(value, int | float) for value in values) else sorted({*map(str, values)})
        ends = (0, len(self.words) - 1) if self.words else (min(values), max(values))
        self.start, self.span = ends[0], (ends[1] - ends[0]) or 1
        self.low, self.high = (self.words[0], self.words[-1]) if self.words else tuple(map(_shorten_number, ends))

    def height(self, value: Any) -> float:
        number = self.words.index(str(value)) if self.words else value
        return float((number - self.start) / self.span)


def _draw_heat(axes: Axes, rows: Sequence[Row], columns: Sequence[str], _: str | None) -> None:
    across, up, column = columns
    xs, ys = (
        sorted({row[name] for row in rows}, key=lambda value: (isinstance(value, str), value)) for name in (across, up)
    )
    cells: dict[tuple[Any, Any], list[float]] = {}
    for row in rows:
        cells.setdefault((row[across], row[up]), []).append(float(row[column]))
    grid = [[_mean(cells.get((x, y))) for x in xs] for y in ys]
    drawn = axes.imshow(grid, origin="lower", aspect="auto", cmap="viridis")
    for values, set_ticks in ((xs, axes.set_xticks), (ys, axes.set_yticks)):
        step = -(-len(values) // 12)
        set_ticks(range(0, len(values), step), [str(value) for value in values[::step]])
    axes.set(xlabel=across, ylabel=up)
    axes.grid(visible=False)
    assert axes.figure is not None
    axes.figure.colorbar(drawn, ax=axes, label=column)


def _mean(values: Sequence[float] | None) -> float:
    return sum(values) / len(values) if values else float("nan")


_DRAW: dict[str, Callable[[Axes, Sequence[Row], Sequence[str], str | None], None]] = {
    "scatter": _draw_scatter,
    "distribution": _draw_distribution,
    "parallel": _draw_parallel,
    "heat": _draw_heat,
}
