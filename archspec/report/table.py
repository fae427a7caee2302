"""Defines a summary, its rows and its totals, and formats it as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from archspec.analysis.conventions import Convention
from archspec.analysis.expected_depth import ExpectedDepth
from archspec.analysis.memory import Memory
from archspec.analysis.receptive_field import ReceptiveField, SpatialField
from archspec.analysis.training_cost import TrainingCost
from archspec.columns import Column, display_width, format_table
from archspec.formats import find_format
from archspec.numerals import format_by_axis, format_bytes, format_rounded, format_sizes
from archspec.printable import escape_unprintable, shorten_text
from archspec.view.hierarchy import ScalarValue
from archspec.view.labels import format_times, format_value

WIDTH = 100
_WORK = Column("MACs", right=True)
COLUMNS = (
    Column("Layer"),
    Column("Operation"),
    Column("Output"),
    Column("Params", right=True),
    _WORK,
    Column("Acts", right=True),
    Column("Memory", right=True),
    Column("Field", right=True),
)
# If a table does not fit: (column, width) to which operations (1), names (0) and outputs (2) are cut, in this order.
_CUTS = ((1, 20), (0, 24), (1, 10), (0, 12), (2, 10))
_DROPS = (6, 5, 7, 1, 4, 2)  # then the columns that are left out, in this order
_LONGEST_OUTPUT = 22
_LONGEST_ARGUMENT = 40
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a network, or a run of equal ones; the numbers are those of one of them.

    >>> import archspec
    >>> row = archspec.load("resnet18").summary(depth=1).rows[-1]
    >>> row.name, row.kind, row.output, row.params
    ('fc', 'linear', ((1000,),), 513000)
    """

    name: str
    """The dotted module name of the first part; empty if it has none."""
    last: str
    """The dotted module name of the last part."""
    label: str
    """The name relative to the region around it; of a run, the first and the last."""
    level: int
    """The number of regions around it."""
    kind: str
    """The word of an op, the name of a block, "input", or "" for a region that is no use of a block."""
    arguments: dict[str, ScalarValue | list[ScalarValue]]
    """The arguments that are not the defaults."""
    first: str | None
    """The argument that a spec may write without its name."""
    output: tuple[tuple[int, ...], ...]
    """The sizes of its outputs, without the batch."""
    params: int
    buffers: int
    macs: int
    work: int
    """What it costs by the convention of the summary."""
    acts: int
    """Elements that convolutions, linear layers, products of matrices and pools with a window write."""
    memory: int
    """Bytes of the outputs of all ops in it, in float32."""
    receptive_field: ReceptiveField
    """The receptive field of the last part."""
    times: int
    reuses_weights: bool
    """Whether all its weights belong to an earlier part, which counts them."""

    def as_dict(self, convention: str = "macs") -> dict[str, object]:
        """The row as plain data, for `--json`; its work has the name of the convention."""
        field = self.receptive_field
        return {
            "name": self.name,
            "last": self.last,
            "label": self.label,
            "level": self.level,
            "kind": self.kind,
            "arguments": self.arguments,
            "output": [list(sizes) for sizes in self.output],
            "params": self.params,
            "buffers": self.buffers,
            "macs": self.macs,
            convention: self.work,
            "acts": self.acts,
            "memory": self.memory,
            "receptive_field": list(field.size) if isinstance(field, SpatialField) else field,
            "times": self.times,
            "recursive": self.reuses_weights,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """The rows of a network in order, and its totals. `str` of it is a table.

    >>> import archspec
    >>> summary = archspec.load("resnet18").summary(depth=1)
    >>> summary.params, summary.flops == 2 * summary.macs, len(summary.rows)
    (11689512, True, 11)
    """

    name: str
    rows: tuple[Row, ...]
    params: int
    buffers: int
    macs: int
    acts: int
    depth: int
    expected_depth: ExpectedDepth | None
    """The expected depth with stochastic depth; None without it."""
    memory: Memory
    convention: Convention
    """The rule by which work is counted."""
    work: int
    """What the network costs by it."""
    training: TrainingCost | None = None
    """The cost of a training step, if it was asked for."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the table, that of the work under the name of its convention."""
        head = self.convention.unit if self.convention.name in {"macs", "flops"} else self.convention.name
        return tuple(Column(head, right=True) if column is _WORK else column for column in COLUMNS)

    @property
    def flops(self) -> int:
        """Floating-point operations of convolutions, linear layers and matrix products: 2 × MACs."""
        return 2 * self.macs

    def __str__(self) -> str:
        return render_summary(self)

    def to_latex(self) -> str:
        r"""The summary as a `tabular` of LaTeX with the rules of booktabs.

        >>> import archspec
        >>> print(archspec.load("resnet18").summary(depth=1).to_latex().splitlines()[-5])
        fc & linear 1000 & 1000 & 513,000 & 512 k & 1.00 k & 4.00 kB & all \\
        """
        return self._write(".tex")

    def to_csv(self) -> str:
        """The summary as CSV with exact numbers, a row for each part; rows of level 0, times `times`, add up to the network's.

        >>> import archspec
        >>> archspec.load("resnet18").summary(depth=1).to_csv().splitlines()[0]
        'name,last,level,times,kind,arguments,output,params,buffers,macs,acts,memory,receptive_field,shared'
        """
        return self._write(".csv")

    def to_markdown(self) -> str:
        """The summary as a table of Markdown, followed by the totals.

        >>> import archspec
        >>> print(archspec.load("resnet18").summary(depth=1).to_markdown().splitlines()[2])
        | Layer | Operation | Output | Params | MACs | Acts | Memory | Field |
        """
        return self._write(".md")

    def _write(self, ending: str) -> str:
        return str(find_format(Path(f"summary{ending}"), "table").load_writer()(self))

    def as_dict(self) -> dict[str, object]:
        """The summary as plain data, for `--json`. Memory is in bytes."""
        return {
            "name": self.name,
            "params": self.params,
            "buffers": self.buffers,
            "macs": self.macs,
            "flops": self.flops,
            self.convention.name: self.work,
            "acts": self.acts,
            "depth": self.depth,
            "expected_depth": self.expected_depth.as_dict() if self.expected_depth else None,
            "memory": asdict(self.memory),
            **({"training": self.training.as_dict()} if self.training else {}),
            "rows": [row.as_dict(self.convention.name) for row in self.rows],
        }


def render_summary(summary: Summary, width: int | None = WIDTH, text: Callable[[str], str] = escape_unprintable) -> str:
    """The summary as a table at most `width` characters wide, with its totals below; with None nothing is cut.

    `text` escapes what the screen cannot print.

    >>> import archspec
    >>> print(render_summary(archspec.load("lstm").summary(depth=1)).splitlines()[0])
    lstm
    """
    rows = [format_cells(row, whole=width is None) for row in summary.rows]
    table = list(format_table(summary.columns, rows, width, cuts=_CUTS, drops=_DROPS, text=text))
    heads, *lines = ("".join(cell for cell, _ in line) for line in table)
    rule = text("─") * max(map(display_width, (heads, *lines)))
    footer = [line for name, total in format_totals(summary) for line in _wrap_text(text(f"{name:<8} {total}"), width)]
    return "\n".join([text(summary.name), rule, heads, rule, *lines, rule, *footer]) + "\n"


def format_cells(row: Row, *, whole: bool) -> tuple[str, ...]:
    """The texts of a row by `COLUMNS`; `whole` ones are not cut."""
    outputs = _format_outputs(row.output)
    return (
        "  " * row.level + " ".join(filter(None, (row.label, format_times(row.times)))),
        " ".join([row.kind, *_format_arguments(row, whole=whole)]).strip(),
        outputs if whole else shorten_text(outputs, _LONGEST_OUTPUT),
        "shared" if row.reuses_weights else f"{row.params:,}" if row.params else _NOTHING,
        format_rounded(row.work) if row.work else _NOTHING,
        format_rounded(row.acts) if row.acts else _NOTHING,
        format_bytes(row.memory) if row.memory else _NOTHING,
        _format_extent(row.receptive_field),
    )


def _format_outputs(outputs: Sequence[tuple[int, ...]]) -> str:
    """The sizes of outputs; consecutive equal ones are written once, with their number."""
    runs = ((format_sizes(sizes), len(list(run))) for sizes, run in groupby(outputs))
    return ", ".join(" ".join(filter(None, (text, format_times(times)))) for text, times in runs)


def _format_arguments(row: Row, *, whole: bool) -> Iterable[str]:
    for name, value in row.arguments.items():
        given = format_value(value, ",")
        text = given if whole else shorten_text(given, _LONGEST_ARGUMENT)
        yield text if name == row.first else f"{name}={text}"


def _format_extent(field: ReceptiveField) -> str:
    if not isinstance(field, SpatialField):
        return "all" if field else _NOTHING
    return format_by_axis(field.size) if field.size else _NOTHING


def format_totals(summary: Summary) -> Iterator[tuple[str, str]]:
    """The totals and the terms of a summary, each with its name."""
    held = summary.memory
    yield "params", f"{summary.params:,} trainable scalars (weights, biases, affine pairs; shared ones once)"
    if summary.buffers:
        yield "buffers", f"{summary.buffers:,} scalars of running statistics, not trained"
    macs = "multiply-accumulates of convolutions, linear layers and matrix products for one sample"
    yield "MACs", f"{summary.macs:,} {macs}; FLOPs = 2 × MACs = {summary.flops:,}"
    if summary.convention.name not in {"macs", "flops"}:
        yield summary.convention.name, f"{summary.work:,} {summary.convention.rule}"
    yield "acts", f"{summary.acts:,} elements out of convolutions, linear layers, products of matrices and pools"
    yield "depth", f"{summary.depth:,} weighted layers on the longest path"
    if expected := summary.expected_depth:
        kept = f"{float(expected.kept):g} of {expected.total:,} residual branches kept in training on average"
        yield "expected", f"{kept} (variance {float(expected.variance):.4f})"
    inference, training = format_bytes(held.inference), format_bytes(held.training)
    values = f"values of one sample {inference} in inference (at the peak), {training} in training (all kept)"
    yield "memory", f"{format_bytes(held.params)} of parameters; {values}"
    if summary.training:
        yield from _format_training(summary.training)
    if any(row.times > 1 for row in summary.rows):
        yield "×N", "N equal parts in a row; the figures are those of one"
    if any(row.reuses_weights for row in summary.rows):
        yield "shared", "weights of an earlier part, counted there"


def _format_training(cost: TrainingCost) -> Iterator[tuple[str, str]]:
    forward, backward = format_rounded(cost.forward_macs), format_rounded(cost.backward_macs)
    yield "training", f"{cost.macs:,} MACs of one sample: {forward} forward, {backward} backward"
    parts = ", ".join(
        f"{format_bytes(count)} of {name}"
        for name, count in (("parameters", cost.params), ("gradients", cost.gradients), ("optimiser state", cost.state))
    )
    how = f"with {cost.optimizer} in {_PRECISIONS[cost.precision]}"
    yield "", f"{format_bytes(cost.fixed)} {how}: {parts}; and {format_bytes(cost.activations)} for each sample"


_PRECISIONS = {
    "32": "float32",
    "bf16": "bfloat16 by autocast",
    "fp16": "float16 by autocast",
    "bf16-true": "bfloat16",
}


def _wrap_text(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=" " * 9, break_long_words=False)
