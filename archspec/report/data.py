"""What the page of a report knows of a network, as plain data: its parts, how they are wired, its spec, its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archspec.analysis import kinds
from archspec.analysis.counts import Cost, counts, node_costs, total
from archspec.analysis.folding import Folding, Run, silent, spanned
from archspec.analysis.outline import label, scalars
from archspec.analysis.paths import Paths, paths
from archspec.analysis.shortcuts import Flow, shortcuts
from archspec.analysis.standing import Standing
from archspec.diagnostics import Source, Span
from archspec.graph import Graph, Input, Node, Scope
from archspec.numerals import magnitude
from archspec.printable import mask_unprintable

LIMIT = 6000
"""The most parts of one network on a page."""


class TooLargeError(ValueError):
    """A network with more parts than a page can show."""


@dataclass
class Known(Standing[int]):
    """Collects the parts that the page shows, of equal parts in a row the first; `stands` is a place in `parts`."""

    parts: list[dict[str, object]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)

    def add(self, scope: int, parent: int) -> None:
        """Adds the parts of a scope. Raises `TooLargeError`."""
        for run in self.folding.runs(scope):
            part = run.first.part
            if isinstance(part, Scope):
                self._append(self._scope(run, part, parent))
                self.add(part.id, len(self.parts) - 1)
            elif isinstance(part, Input) or not silent(part):
                self.stands[part.id] = len(self.parts)
                self._append(self._leaf(run, part, parent))
            self.fold(run)

    def _append(self, part: dict[str, object]) -> None:
        if len(self.parts) >= LIMIT:
            raise TooLargeError(f"{self.graph.name} has more than {LIMIT:,} different parts, too many for one page")
        self.parts.append(part)

    def _scope(self, run: Run, scope: Scope, parent: int) -> dict[str, object]:
        arguments = {name: _text(value) for name, value in scalars(scope.arguments).items()}
        return self._common(run, scope.span, parent) | {
            "scope": True,
            "name": ".".join(scope.path),
            "kind": "block",
            "word": scope.kind,
            "arguments": arguments,
            "also": [".".join(facts.part.path) for facts in run.parts[1:] if isinstance(facts.part, Scope)],
        }

    def _leaf(self, run: Run, node: Node | Input, parent: int) -> dict[str, object]:
        if isinstance(node, Input):
            return self._common(run, node.span, parent) | {
                "name": node.name,
                "kind": "ends",
                "word": "input",
                "arguments": {},
            }
        return self._common(run, node.span, parent) | {
            "name": node.name,
            "kind": kinds.kind(node.op),
            "word": node.op.word,
            "title": kinds.SIGNS.get(node.op.word) or kinds.label(node.op),
            "sign": node.op.word in kinds.SIGNS,
            "arguments": {name: _text(value) for name, value in scalars(dict(node.op)).items()},
            "given": sorted(node.op.arguments()),
            "input": [str(shape) for shape in node.input_shapes],
            "weights": {weight.name: list(weight.shape) for weight in node.weights},
        }

    def _common(self, run: Run, span: Span, parent: int) -> dict[str, object]:
        around = (
            self.graph.scopes[run.first.part.parent or 0]
            if isinstance(run.first.part, Scope)
            else self.graph.scopes[run.first.part.scope]
        )
        first, last = (label(facts.part, around) for facts in (run.first, run.last))
        cost = run.first.cost
        return {
            "parent": parent,
            "label": spanned(first, last),
            "times": run.times,
            "output": [str(value.shape) for value in run.first.output],
            "params": cost.params,
            "macs": cost.macs,
            "activations": cost.activations,
            "at": self._place(span),
        }

    def _place(self, span: Span) -> list[int] | None:
        if not span.source.text:
            return None
        if span.source not in self.sources:
            self.sources.append(span.source)
        return [self.sources.index(span.source), span.line, span.column, span.length]

    def edges(self) -> Iterator[tuple[int, int, Flow]]:
        """The arrows between parts, each once."""
        flows = shortcuts(self.graph)
        found: dict[tuple[int, int, Flow], None] = {}
        for node in self.graph.ops:
            for operand, given in enumerate(() if silent(node) else node.inputs):
                value = self.source(given)
                if value.node in self.stands and node.id in self.stands and not self.apart(value.node, node.id):
                    found[self.stands[value.node], self.stands[node.id], flows.get((node.id, operand), "flow")] = None
        yield from (edge for edge in found if edge[0] != edge[1])

    def outputs(self) -> Iterator[tuple[str, str, int]]:
        """The outputs of the network: name, shape, and the part that makes each."""
        for name, value in self.graph.outputs.items():
            yield name, str(value.shape), self.stands[self.source(value).node]


def _sums(found: Known) -> Iterator[list[int]]:
    """For each part, what all the parts that it stands for hold and cost together; shared weights count once."""
    sums = [Cost() for _ in found.parts]
    for node, cost in node_costs(found.graph):
        if node.id in found.stands:
            sums[found.stands[node.id]] += cost
    for at in range(len(sums) - 1, -1, -1):
        parent = found.parts[at]["parent"]
        assert isinstance(parent, int)
        if parent >= 0:
            sums[parent] += sums[at]
    yield from ([cost.params, cost.macs, cost.activations] for cost in sums)


def known(graph: Graph) -> dict[str, object]:
    """All that the page shows of a network. Raises `TooLargeError`."""
    found = Known(Folding(graph))
    found.add(0, -1)
    counted = counts(graph)
    return {
        "name": graph.name,
        "source": graph.source,
        "params": counted.params,
        "macs": counted.macs,
        "activations": total(graph).activations,
        "depth": counted.depth,
        "paths": _big(paths(graph)),
        "parts": [part | {"sum": summed} for part, summed in zip(found.parts, _sums(found), strict=True)],
        "edges": [list(edge) for edge in found.edges()],
        "outputs": [list(one) for one in found.outputs()],
        "files": [
            {
                "name": source.name.replace("\\", "/").rpartition("/")[2],
                "lines": list(map(mask_unprintable, source.lines)),
            }
            for source in found.sources
        ],
    }


def _big(found: Paths) -> str:
    """How many paths there are, as text: a number of JSON would lose digits in a browser."""
    return f"{found.total:,}" if found.total < 10**30 else f"about 10^{magnitude(found.total)}"


def _text(value: object) -> str:
    if isinstance(value, list):
        return "×".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
