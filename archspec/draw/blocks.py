"""The picture of the blocks: each distinct block once, as in the block figures of papers, beside the table of stages."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from archspec.analysis import kinds
from archspec.analysis.folding import Folding, Run, silent
from archspec.analysis.shortcuts import shortcuts
from archspec.analysis.stages import Stage, grouped, name_of
from archspec.draw.layers import View, describe, edges, layer, names
from archspec.draw.picture import Box, Cluster, Edge, Line, Picture, Place, lines
from archspec.draw.stages import chain_of, chained, rows_of
from archspec.draw.text import clean
from archspec.graph import Graph, Node, Scope, Value

_SHELF = 900.0  # points: the figures of one row
_MOST = 12  # figures of one picture
_LARGE = 60  # layers of a block that is drawn whole


@dataclass(frozen=True, slots=True)
class Kind:
    """One distinct block: the first scope that is it, and how many are."""

    scope: Scope
    times: int


def blocks(graph: Graph, *, fold: bool = True) -> Picture:
    """The distinct blocks of a network and the table of its stages."""
    folding = Folding(graph, fold)
    shown = distinct(folding)
    view = _Figures(folding)
    for kind in shown[:_MOST]:
        view.draw(kind)
    left_out = len(shown) - _MOST
    note = f" {left_out} more kinds of block are not shown." if left_out > 0 else ""
    found = [*edges(view), *view.ends]
    return Picture(
        clean(graph.name, 80),
        clean(describe(graph) + note, 400),
        tuple(view.boxes),
        tuple(dict.fromkeys(found)),
        tuple(view.clusters),
        table=tuple(_table(folding)),
        gap=16,
        shelf=_SHELF,
    )


class _Figures(View):
    """The view of some blocks alone, each with a mark where its input comes in and where its output leaves."""

    def __init__(self, folding: Folding) -> None:
        super().__init__(folding)
        self.ends: list[Edge] = []
        self.figures: dict[int, int] = {}
        """The block that each drawn node is in."""
        self.given: dict[tuple[int, Value], str] = {}
        """The box of each value that comes into a block."""

    def draw(self, kind: Kind) -> None:
        scope = kind.scope
        id = f"c{scope.id}"
        note = f"×{kind.times}" if kind.times > 1 else ""
        place = Place(".".join(scope.path), scope.span)
        self.clusters.append(Cluster(id, clean(scope.kind or ".".join(scope.path)), note, place))
        inside = self.folding.nodes(scope)
        self.figures.update(dict.fromkeys(inside, scope.id))
        self._into(scope, inside)
        self._inside(scope.id, id)
        self._enter(inside)
        self._leave(scope, inside)

    def apart(self, tail: int, head: int) -> bool:
        return self.figures.get(tail, -1) != self.figures.get(head, -2) or super().apart(tail, head)

    def _into(self, scope: Scope, inside: range) -> None:
        """A box for each value that comes from outside."""
        for value in self._entering(inside):
            id = f"i{scope.id}v{value.node}x{value.index}"
            self._mark(id, "input", value, f"c{scope.id}")
            self.given[scope.id, value] = id

    def _inside(self, scope: int, cluster: str) -> None:
        """The layers of a scope and of those inside it; a chain of layers in a block of its own is one box."""
        for run in self.folding.runs(scope):
            part = run.first.part
            self.varied.update(self._varying(run))
            if isinstance(part, Scope):
                self._part(run, part, cluster)
            elif isinstance(part, Node) and not silent(part):
                self.boxes.append(layer(part, self.graph.scopes[part.scope], cluster, run.times))
                self.stands[part.id] = self.boxes[-1].id
            self.fold(run)

    def _part(self, run: Run, scope: Scope, cluster: str) -> None:
        chain = chain_of(self.folding, scope)
        if not chain or (not scope.kind and len(chain) > 3):
            self._inside(scope.id, cluster)
            return
        self.boxes.append(_chain(run, scope, chain, self.graph.scopes[scope.parent or 0], cluster))
        self.stands.update(dict.fromkeys(self.folding.nodes(scope), self.boxes[-1].id))

    def _entering(self, inside: range) -> Iterator[Value]:
        nodes = (self.graph.nodes[id] for id in inside)
        read = (self.source(given) for node in nodes if isinstance(node, Node) for given in node.inputs)
        yield from dict.fromkeys(value for value in read if value.node not in inside)

    def _enter(self, inside: range) -> None:
        flows = shortcuts(self.graph)
        for id in inside:
            node = self.graph.nodes[id]
            if not isinstance(node, Node) or silent(node) or self.turns.get(id, ((0, 0),))[0][1]:
                continue
            for operand, value in enumerate(map(self.source, node.inputs)):
                if value.node not in inside:
                    flow = flows.get((id, operand), "flow")
                    tail = self.given[self.figures[id], value]
                    self.ends.append(Edge(tail, self.stands[id], flow, weight=8 if flow == "flow" else 1))

    def _leave(self, scope: Scope, inside: range) -> None:
        """A box for each value that goes outside."""
        exits = next(f.output for f in self.folding.members[scope.parent or 0] if f.part is scope)
        for number, value in enumerate(dict.fromkeys(map(self.source, exits))):
            tail = self.stands[value.node] if value.node in inside else self.given[scope.id, value]
            self._mark(f"o{scope.id}v{number}", "output", value, f"c{scope.id}")
            self.ends.append(Edge(tail, f"o{scope.id}v{number}", weight=8))

    def _mark(self, id: str, word: str, value: Value, cluster: str) -> None:
        self.boxes.append(Box(id, "ends", lines(Line(f"{word}  {value.shape}", "faint")), cluster=cluster))


def distinct(folding: Folding) -> list[Kind]:
    """The blocks that a figure is worth: the innermost ones in which ways part and meet, else the innermost of all."""
    joined = list(_innermost(folding, 0, joins=True)) or list(_innermost(folding, 0, joins=False))
    found: dict[Hashable, list[Scope]] = {}
    for scope in joined:
        found.setdefault(_structure(folding, scope), []).append(scope)
    return [Kind(scopes[0], len(scopes)) for scopes in found.values()]


def _innermost(folding: Folding, scope: int, *, joins: bool) -> Iterator[Scope]:
    for facts in folding.members[scope]:
        part = facts.part
        if not isinstance(part, Scope):
            continue
        deeper = list(_innermost(folding, part.id, joins=joins))
        if deeper and not (part.kind and len(folding.nodes(part)) <= _LARGE and _own_join(folding, part) and joins):
            yield from deeper
        elif part.kind and (_meets(folding, part) or not joins):
            yield part


def _own_join(folding: Folding, scope: Scope) -> bool:
    return any(isinstance(f.part, Node) and f.part.op.join and not silent(f.part) for f in folding.members[scope.id])


def _meets(folding: Folding, scope: Scope) -> bool:
    inside = (folding.graph.nodes[id] for id in folding.nodes(scope))
    return any(isinstance(node, Node) and node.op.join and not silent(node) for node in inside)


def _structure(folding: Folding, scope: Scope) -> Hashable:
    """What blocks of one figure have in common: ops, kernels and wiring, whatever the widths, strides and where they stand."""
    inside = folding.nodes(scope)
    shape: list[Hashable] = []
    for id in inside:
        node = folding.graph.nodes[id]
        if isinstance(node, Node):
            wiring = tuple(v.node - inside.start if v.node in inside else -1 for v in node.inputs)
            shape.append((node.op.word, dict(node.op).get("kernel") if node.op.weighted else None, wiring))
    return (scope.kind, tuple(shape))


def _chain(run: Run, scope: Scope, chain: list[Node], around: Scope, cluster: str) -> Box:
    """A chain of layers as one box: the weighted ones by what they are, the others by name."""
    weighted = [node for node in chain if node.op.weighted]
    kind = kinds.kind((weighted or chain)[0].op)
    text = _written(chain, weighted)
    name = f"{names(run, around)} · {kinds.sizes(chain[-1].output_shapes)}" + (
        f"  ×{run.times}" if run.times > 1 else ""
    )
    place = Place(".".join(scope.path), scope.span)
    return Box(f"s{scope.id}", kind, lines(*text, Line(name, "faint")), place, clean(name, 300), cluster, least=116)


def _written(chain: list[Node], weighted: list[Node]) -> list[Line]:
    """The lines of a chain: its one weighted layer, and what comes before and after it; else the layers in order."""
    if len(weighted) != 1:
        first, *others = chained(chain)
        return [Line(first.text, "strong"), *others]
    at = chain.index(weighted[0])
    before, after = (", ".join(kinds.label(node.op) for node in some) for some in (chain[:at], chain[at + 1 :]))
    return [Line(kinds.label(weighted[0].op), "strong"), Line(f"after {before}" if before else ""), Line(after)]


def _table(folding: Folding) -> Iterator[tuple[str, ...]]:
    yield ("stage", "output", "layers", "params", "MACs")
    flows = shortcuts(folding.graph)
    total = Stage()
    for stage in grouped(folding):
        total.runs += stage.runs
        rows = "\n".join(row.text for row in rows_of(folding, stage, flows)) or "–"
        output = kinds.sizes(value.shape for value in stage.runs[-1].last.output)
        yield (clean(name_of(folding, stage)), output, rows, *_counted(stage))
    yield ("in all", "", "", *_counted(total))


def _counted(stage: Stage) -> tuple[str, str]:
    params, macs = stage.cost.params, stage.cost.macs
    return kinds.count(params) if params else "–", kinds.count(macs) if macs else "–"
