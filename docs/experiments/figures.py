"""Draws the figures of docs/claims.md from the committed measurements: `python docs/experiments/figures.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import archspec
from archspec.claims.results import load_result
from archspec.figure_style import STYLE

PICTURES = Path(__file__).parent.parent / "images" / "claims"
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#8A8F98"
LOOKS = {"residual": (BLUE, "o"), "plain": (ORANGE, "s"), "stochastic": (GREEN, "^")}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(6.4, 3.4), layout="constrained")
            draw(figure.subplots())
            figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})


def draw_growth(axes: Axes) -> None:
    """The channels that each layer of DenseNet-121 reads."""
    graph = archspec.load("densenet121").graph
    reads = [
        (node.name.split(".")[1], node.inputs[0].shape.channels)
        for node in graph.ops
        if node.op.word == "conv" and node.name.endswith(".conv1")
    ]
    for block in range(1, 5):
        layers = [(number, width) for number, (name, width) in enumerate(reads, 1) if name == f"denseblock{block}"]
        places, heights = zip(*layers, strict=True)
        axes.bar(places, heights, color=(BLUE, ORANGE)[block % 2], width=0.85)
        middle = sum(number for number, _ in layers) / len(layers)
        axes.text(middle, layers[-1][1] + 25, f"$k_0$ = {layers[0][1]}", ha="center")
    axes.set(xlabel="dense layer", ylabel="channels of its input", ylim=(0, 1100))


def draw_lengths(axes: Axes) -> None:
    """The lengths of the paths of ResNet-110, with the two ranges that are quoted."""
    paths = archspec.load("cifar_resnet110_A").paths()
    for low, high, colour, label in ((0, 54, GREY, "all"), (19, 35, BLUE, "19 to 35"), (5, 17, ORANGE, "5 to 17")):
        lengths = [length for length in paths.lengths if low <= length <= high]
        share = float(paths.share_within(low, high))
        shares = [100 * paths.lengths[length] / paths.total for length in lengths]
        axes.bar(lengths, shares, color=colour, width=0.9, label=f"{label}: {share:.2%} of the paths")
    axes.set(xlabel="length of the path, in blocks", ylabel="% of all paths")
    axes.legend()


def draw_lesions(axes: Axes) -> None:
    """The test error without each single block, over seeds."""
    for label, runs in load_result("lesions")["networks"].items():
        colour, mark = LOOKS[label.rstrip("0123456789")]
        errors = [list(run["single"]["errors"].values()) for run in runs]
        names = list(runs[0]["single"]["errors"])
        places = [NAMES.index(name) + 1 for name in names]
        _draw_band(axes, places, list(zip(*errors, strict=True)), colour, mark, label)
    axes.set(xlabel="the one block that is deleted, from the input on", ylabel="test error, %", ylim=(-2, 102))
    axes.legend()


NAMES = [f"stage{stage}.{unit}" for stage in (1, 2, 3) for unit in range(5)]
"""The blocks of the networks with 32 layers."""


def draw_deletions(axes: Axes) -> None:
    """The test error without several blocks, over seeds and draws."""
    for label, runs in load_result("lesions")["networks"].items():
        colour, mark = LOOKS[label.rstrip("0123456789")]
        counts = list(runs[0]["several"]["errors"])
        draws = [[error for run in runs for error in run["several"]["errors"][count]["draws"]] for count in counts]
        _draw_band(axes, list(map(int, counts)), draws, colour, mark, label)
    axes.set(xlabel="random blocks that are deleted", ylabel="test error, %", ylim=(-2, 102))
    axes.legend()


def draw_depth(axes: Axes) -> None:
    """The test error by depth, with and without skip connections, over seeds."""
    networks = load_result("depth")["networks"]
    for kind in ("plain", "residual"):
        rows = {label: row for label, row in networks.items() if label.startswith(kind)}
        depths = [int(label.split()[1]) for label in rows]
        _draw_band(axes, depths, [row["test_error"] for row in rows.values()], *LOOKS[kind], kind)
    axes.set(xlabel="weighted layers", ylabel="test error, %", ylim=(-2, 102))
    axes.legend()


def draw_gradients(axes: Axes) -> None:
    """The norm of the gradient of one path, and of all paths of a length, by that length."""
    runs = [run["result"]["lengths"] for run in load_result("gradients")["runs"]]
    quantities = (("magnitude", "of one path", BLUE, "o"), ("contribution", "of all paths of the length", ORANGE, "s"))
    for field, label, colour, mark in quantities:
        peaks = [max(row[field] for row in run.values()) for run in runs]
        shares = {
            int(length): [run[length][field] / peak for run, peak in zip(runs, peaks, strict=True)]
            for length in runs[0]
        }
        _draw_band(axes, list(shares), list(shares.values()), colour, mark, label)
    axes.set(xlabel="length of the path, in blocks", ylabel="norm of the gradient, % of the largest")
    axes.legend()


def draw_shortcuts(axes: Axes) -> None:
    _draw_errors(axes, "shortcuts")


def draw_activations(axes: Axes) -> None:
    _draw_errors(axes, "activations")


def draw_widths(axes: Axes) -> None:
    _draw_errors(axes, "widths", "WRN-{}")


def _draw_errors(axes: Axes, study: str, form: str = "{}") -> None:
    """The test error of each network: a dot for each seed, a line for their mean."""
    networks = load_result(study)["networks"]
    for place, row in enumerate(networks.values()):
        errors = [100 * error for error in row["test_error"]]
        axes.plot(errors, [place] * len(errors), "o", color=BLUE, alpha=0.55, markersize=6, clip_on=False)
        axes.plot([fmean(errors)] * 2, [place - 0.25, place + 0.25], color=ORANGE)
    axes.set(xlabel="test error on digits, %", yticks=range(len(networks)), yticklabels=map(form.format, networks))
    axes.set_xlim(left=0)
    axes.invert_yaxis()


def draw_times(axes: Axes) -> None:
    """The time of a training step over the blocks that a draw of stochastic depth keeps."""
    times = load_result("times")["stochastic_depth"]
    kept = [100 * blocks / times["of"] for blocks in times["blocks"]]
    axes.plot(kept, [100 * share for share in times["share"]], "o", color=GREEN, label="a draw")
    axes.plot([60, 100], [60, 100], color=GREY, linewidth=1, label="as many blocks, as much time")
    axes.set(xlabel="% of the blocks", ylabel="% of the time of a training step", xlim=(60, 100), ylim=(60, 100))
    axes.legend()


def _draw_band(
    axes: Axes, places: Sequence[int], draws: Sequence[Sequence[float]], colour: str, mark: str, label: str
) -> None:
    """The mean as a line, the range as a band, in percent."""
    axes.plot(places, [100 * fmean(values) for values in draws], color=colour, marker=mark, markersize=4, label=label)
    lowest, highest = ([100 * choose(values) for values in draws] for choose in (min, max))
    axes.fill_between(places, lowest, highest, color=colour, alpha=0.18, linewidth=0)


FIGURES: dict[str, Callable[[Axes], None]] = {
    "densenet-growth": draw_growth,
    "path-lengths": draw_lengths,
    "lesions": draw_lesions,
    "deletions": draw_deletions,
    "depth": draw_depth,
    "gradients": draw_gradients,
    "shortcuts": draw_shortcuts,
    "activations": draw_activations,
    "widths": draw_widths,
    "times": draw_times,
}

if __name__ == "__main__":
    main()
