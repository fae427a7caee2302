"""The summary of a network: a row for each part, equal neighbours folded, and the totals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from string import digits

from archspec.analysis.counts import counts
from archspec.analysis.expected import ExpectedDepth, expected_depth
from archspec.analysis.memory import FLOAT32, Memory, memory
from archspec.analysis.outline import Facts, Part, Scalar, label, outline, scalars
from archspec.analysis.receptive import Field, ReceptiveField
from archspec.graph import Graph, Input, Node, Scope
from archspec.report.table import render


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a network, or several equal ones in a row; the figures are those of one of them."""

    name: str
    """Its dotted module name, of the first where there are several; empty where it has none."""
    last: str
    """The dotted name of the last of them."""
    label: str
    """Its name, or theirs, as known in the scope around."""
    level: int
    """How many scopes of the network are around it."""
    kind: str
    """The word of an op, the name of a block, "input", or "" for a part that only groups."""
    arguments: dict[str, Scalar | list[Scalar]]
    """What was given and is not the default."""
    first: str | None
    """Which of them a spec may write without its name."""
    output: tuple[tuple[int, ...], ...]
    """The sizes of its outputs, without the batch."""
    params: int
    buffers: int
    macs: int
    activations: int
    """Elements of the outputs of all ops in it."""
    receptive_field: ReceptiveField
    """Of the last of them."""
    times: int
    recursive: bool
    """Whether it shares all its weights with an earlier part, which counts them."""

    def as_dict(self) -> dict[str, object]:
        """The row as plain data, for `--json`."""
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
            "activations": self.activations,
            "receptive_field": list(field.size) if isinstance(field, Field) else field,
            "times": self.times,
            "recursive": self.recursive,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """The rows of a network in order, and its totals."""

    name: str
    rows: tuple[Row, ...]
    params: int
    buffers: int
    macs: int
    depth: int
    expected_depth: ExpectedDepth | None
    """What stochastic depth leaves of it on average, where there is any."""
    memory: Memory

    @property
    def flops(self) -> int:
        """Floating-point operations of convolutions, linear layers and matrix products: 2 × MACs."""
        return 2 * self.macs

    def __str__(self) -> str:
        return render(self)

    def as_dict(self) -> dict[str, object]:
        """The summary as plain data, for `--json`. Memory is in bytes."""
        return {
            "name": self.name,
            "params": self.params,
            "buffers": self.buffers,
            "macs": self.macs,
            "flops": self.flops,
            "depth": self.depth,
            "expected_depth": self.expected_depth.as_dict() if self.expected_depth else None,
            "memory": asdict(self.memory),
            "rows": [row.as_dict() for row in self.rows],
        }


def summarise(graph: Graph, depth: int | None = None, item_size: int = FLOAT32) -> Summary:
    """The summary of a network, for one sample, elements of `item_size` bytes.

    Scopes nested deeper than `depth` are one row with their sums: 1 shows the stages only, None everything.
    """
    total = counts(graph)
    return Summary(
        graph.name,
        tuple(_rows(graph, depth)),
        total.params,
        total.buffers,
        total.macs,
        total.depth,
        expected_depth(graph),
        memory(graph, item_size),
    )


def _rows(graph: Graph, depth: int | None) -> Iterator[Row]:
    members = outline(graph).members
    waiting = [_folded(members[0], graph.scopes[0], 0)]
    while waiting:
        for equal, row in waiting[-1]:
            yield row
            part = equal[0].part
            if isinstance(part, Scope) and (depth is None or row.level + 1 < depth):
                waiting.append(_folded(members[part.id], part, row.level + 1))
                break
        else:
            waiting.pop()


def _folded(members: list[Facts], around: Scope, level: int) -> Iterator[tuple[list[Facts], Row]]:
    for _, group in groupby(members, key=lambda facts: facts.form):
        equal = list(group)
        yield equal, _row(equal, around, level)


def _row(equal: list[Facts], around: Scope, level: int) -> Row:
    first, last = equal[0], equal[-1]
    return Row(
        name=_name(first.part),
        last=_name(last.part),
        label=_run(label(first.part, around), label(last.part, around)),
        level=level,
        kind=_kind(first.part),
        arguments=_arguments(first.part),
        first=first.part.op.first if isinstance(first.part, Node) else None,
        output=tuple(value.shape.sizes for value in first.output),
        params=first.cost.params,
        buffers=first.cost.buffers,
        macs=first.cost.macs,
        activations=first.cost.activations,
        receptive_field=last.field,
        times=len(equal),
        recursive=first.recursive,
    )


def _run(first: str, last: str) -> str:
    """The names from `first` to `last`; of numbered ones, the last as its number."""
    if first == last:
        return first
    stem = first.rstrip(digits)
    number = last.removeprefix(stem)
    return f"{first} … {number if stem != first and number.isdecimal() else last}"


def _name(part: Part) -> str:
    return part.name if isinstance(part, Input) else ".".join(part.path)


def _kind(part: Part) -> str:
    if isinstance(part, Input):
        return "input"
    return part.op.word if isinstance(part, Node) else part.kind


def _arguments(part: Part) -> dict[str, Scalar | list[Scalar]]:
    if isinstance(part, Input):
        return {}
    return scalars(part.op.arguments() if isinstance(part, Node) else part.arguments)
