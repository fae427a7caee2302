"""Collects what a report shows of a network as plain data: its parts, edges, spec and counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archspec.analysis.counts import Cost, compute_counts, iter_node_costs, sum_costs
from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Input, Node, Region, is_noop
from archspec.printable import mask_unprintable
from archspec.spans import Source, Span
from archspec.view import labels
from archspec.view.hierarchy import PartFacts, select_scalars
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.representatives import Representatives

LIMIT = 6000
"""The most parts of one network on a page."""
MOST_NETWORKS = 6
"""The most networks of a report: those that colours tell apart."""


class TooLargeError(ArchspecError, ValueError):
    """Raised for a network with more parts than a page can show.

    >>> issubclass(TooLargeError, ValueError)
    True
    """


@dataclass
class ReportParts(Representatives[int]):
    """The parts that the page shows, the first of each run of equal ones; a node is represented by an index of `parts`."""

    parts: list[dict[str, object]] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    """The index of the part around each part; -1 for the outermost."""
    sources: list[Source] = field(default_factory=list)

    def add(self, region: int, parent: int) -> None:
        """Adds the parts of a region. Raises `TooLargeError`."""
        for run in self.folded.runs(region):
            part = run.first.part
            if isinstance(part, Region):
                self._append(self._scope(run, part), parent)
                self.add(part.id, len(self.parts) - 1)
            elif isinstance(part, Input) or not is_noop(part):
                self.representative[part.id] = len(self.parts)
                self._append(self._leaf(run, part), parent)
            self.fold_run(run)

    def index_of(self, facts: PartFacts) -> int | None:
        """The index of the part that represents a node or a region; None if none does."""
        part = facts.part
        if not isinstance(part, Region):
            return self.representative.get(part.id)
        nodes = (id for id in self.folded.node_range(part) if id in self.representative)
        node = next(nodes, None)
        if node is None:
            return None
        index = self.representative[node]
        for _ in range(self._level(self.graph.nodes[node].region) - self._level(part.id) + 1):
            index = self.parents[index]
        return index

    def _level(self, region: int) -> int:
        """The number of regions around a region."""
        parent = self.graph.regions[region].parent
        return 0 if parent is None else 1 + self._level(parent)

    def _append(self, part: dict[str, object], parent: int) -> None:
        if len(self.parts) >= LIMIT:
            raise TooLargeError(f"{self.graph.name} has more than {LIMIT:,} different parts, too many for one page")
        self.parts.append({"parent": parent, **part})
        self.parents.append(parent)

    def _scope(self, run: PartRun, region: Region) -> dict[str, object]:
        arguments = {name: labels.format_value(value) for name, value in select_scalars(region.arguments).items()}
        return self._common(run, region.span) | {
            "scope": True,
            "name": region.name,
            "kind": "block",
            "word": region.kind,
            "arguments": arguments,
            "also": [facts.part.name for facts in run.parts[1:]],
        }

    def _leaf(self, run: PartRun, node: Node | Input) -> dict[str, object]:
        if isinstance(node, Input):
            return self._common(run, node.span) | {
                "name": node.name,
                "kind": "ends",
                "word": "input",
                "arguments": {},
            }
        return self._common(run, node.span) | {
            "name": node.name,
            "kind": node.op.category,
            "word": node.op.word,
            "title": labels.format_sign(node.op) or labels.format_op(node.op),
            "sign": bool(labels.format_sign(node.op)) and run.times == 1,
            "arguments": {name: labels.format_value(value) for name, value in select_scalars(dict(node.op)).items()},
            "given": sorted(node.op.arguments()),
            "input": [str(shape) for shape in node.input_shapes],
            "weights": {weight.name: list(weight.shape) for weight in node.weights},
        }

    def _common(self, run: PartRun, span: Span) -> dict[str, object]:
        cost = run.first.cost
        return {
            "label": self.folded.run_name(run),
            "times": run.times,
            "output": [str(value.shape) for value in run.first.output],
            "params": cost.params,
            "macs": cost.macs,
            "acts": cost.acts,
            "memory": cost.memory,
            "at": self._place(span),
        }

    def _place(self, span: Span) -> list[int] | None:
        if not span.source.text:
            return None
        if span.source not in self.sources:
            self.sources.append(span.source)
        return [self.sources.index(span.source), span.line, span.column, span.length]

    def outputs(self) -> Iterator[tuple[str, str, int]]:
        """The outputs of the network: name, shape, and the index of the part that produces each."""
        for name, value in self.graph.outputs.items():
            yield name, str(value.shape), self.representative[self.visible_source(value).node]


def _sum_parts(report_parts: ReportParts) -> Iterator[list[int]]:
    """The costs of all parts that each shown part represents; shared weights count once."""
    sums = [Cost() for _ in report_parts.parts]
    for node, cost in iter_node_costs(report_parts.graph):
        if node.id in report_parts.representative:
            sums[report_parts.representative[node.id]] += cost
    for index, parent in reversed(list(enumerate(report_parts.parents))):
        if parent >= 0:
            sums[parent] += sums[index]
    yield from ([cost.params, cost.macs, cost.acts, cost.memory] for cost in sums)


def collect_parts(graph: Graph, sources: Iterable[Source] = ()) -> ReportParts:
    """The parts that a page shows: with the `sources` of the spec, in this order, and others to which parts belong.

    Raises `TooLargeError`.
    """
    report_parts = ReportParts(FoldedGraph(graph), sources=[source for source in sources if source.text])
    report_parts.add(0, -1)
    return report_parts


def describe_parts(report_parts: ReportParts) -> dict[str, object]:
    """What the page shows of a network, as plain data."""
    graph = report_parts.graph
    counted, total = compute_counts(graph), sum_costs(graph)
    return {
        "name": graph.name,
        "source": graph.source,
        "params": counted.params,
        "macs": counted.macs,
        "acts": total.acts,
        "memory": total.memory,
        "parts": [
            part | {"sum": summed} for part, summed in zip(report_parts.parts, _sum_parts(report_parts), strict=True)
        ],
        "edges": [list(edge) for edge in report_parts.edges()],
        "outputs": [list(output) for output in report_parts.outputs()],
        "files": [
            {
                "name": source.name.replace("\\", "/").rpartition("/")[2],
                "lines": list(map(mask_unprintable, source.lines)),
            }
            for source in report_parts.sources
        ],
    }
