"""The summary of a network: a row for each part, equal neighbours folded, and the totals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

from archspec.analysis.counts import compute_counts
from archspec.analysis.expected_depth import ExpectedDepth, expected_depth
from archspec.analysis.memory import FLOAT32, Memory, estimate_memory
from archspec.analysis.receptive_field import ReceptiveField, SpatialField
from archspec.ir.graph import Graph, Input, Node, Region
from archspec.report.table import render_summary
from archspec.view.hierarchy import GraphPart, PartFacts, ScalarValue, build_hierarchy, relative_name, select_scalars
from archspec.view.labels import format_name_range, part_kind


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a network, or several equal ones in a row; the figures are those of one of them."""

    name: str
    """Its dotted module name, of the first where there are several; empty where it has none."""
    last: str
    """The dotted name of the last of them."""
    label: str
    """Its name, or theirs, as known in the region around."""
    level: int
    """How many regions of the network are around it."""
    kind: str
    """The word of an op, the name of a block, "input", or "" for a part that only groups."""
    arguments: dict[str, ScalarValue | list[ScalarValue]]
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
    reuses_weights: bool
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
            "receptive_field": list(field.size) if isinstance(field, SpatialField) else field,
            "times": self.times,
            "recursive": self.reuses_weights,
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
        return render_summary(self)

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


def summarise_network(graph: Graph, depth: int | None = None, item_size: int = FLOAT32) -> Summary:
    """The summary of a network, for one sample, elements of `item_size` bytes.

    Regions nested deeper than `depth` are one row with their sums: 1 shows the stages only, None everything.
    """
    total = compute_counts(graph)
    return Summary(
        graph.name,
        tuple(_iter_rows(graph, depth)),
        total.params,
        total.buffers,
        total.macs,
        total.depth,
        expected_depth(graph),
        estimate_memory(graph, item_size),
    )


def _iter_rows(graph: Graph, depth: int | None) -> Iterator[Row]:
    members = build_hierarchy(graph).members
    waiting = [_group_members(members[0], graph.regions[0], 0)]
    while waiting:
        for equal, row in waiting[-1]:
            yield row
            part = equal[0].part
            if isinstance(part, Region) and (depth is None or row.level + 1 < depth):
                waiting.append(_group_members(members[part.id], part, row.level + 1))
                break
        else:
            waiting.pop()


def _group_members(members: list[PartFacts], around: Region, level: int) -> Iterator[tuple[list[PartFacts], Row]]:
    for _, group in groupby(members, key=lambda facts: facts.structure_id):
        equal = list(group)
        yield equal, _make_row(equal, around, level)


def _make_row(equal: list[PartFacts], around: Region, level: int) -> Row:
    first, last = equal[0], equal[-1]
    return Row(
        name=first.part.name,
        last=last.part.name,
        label=format_name_range(relative_name(first.part, around), relative_name(last.part, around)),
        level=level,
        kind=part_kind(first.part),
        arguments=_shown_arguments(first.part),
        first=first.part.op.first if isinstance(first.part, Node) else None,
        output=tuple(value.shape.sizes for value in first.output),
        params=first.cost.params,
        buffers=first.cost.buffers,
        macs=first.cost.macs,
        activations=first.cost.activations,
        receptive_field=last.receptive_field,
        times=len(equal),
        reuses_weights=first.reuses_weights,
    )


def _shown_arguments(part: GraphPart) -> dict[str, ScalarValue | list[ScalarValue]]:
    if isinstance(part, Input):
        return {}
    return select_scalars(part.op.arguments() if isinstance(part, Node) else part.arguments)
