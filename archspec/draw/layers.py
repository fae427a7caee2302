"""The picture of every layer: a box an op, a frame a stage or a block, shortcuts told from the way of the signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archspec.analysis import kinds
from archspec.analysis.folding import Folding, Run, silent, spanned
from archspec.analysis.outline import Facts, label
from archspec.analysis.shortcuts import Flow, shortcuts
from archspec.analysis.standing import Standing
from archspec.draw.picture import Box, Cluster, DrawError, Edge, Line, Picture, Place, lines
from archspec.draw.text import clean
from archspec.graph import Graph, Input, Node, Scope

LIMIT = 3000
"""The most boxes of one picture: as many lay out in well under a minute."""
_LEAST = 116.0  # points: most boxes are as wide, and stand in one column


@dataclass
class View(Standing[str]):
    """What of a network a picture shows; `stands` has the id of the box of each node."""

    depth: int | None = None
    limit: int = LIMIT
    boxes: list[Box] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    varied: set[int] = field(default_factory=set)
    """Nodes that stand for others with other arguments."""

    def show(self, scope: int, cluster: str | None = None, level: int = 0) -> None:
        """Adds the parts of a scope. Raises `DrawError` where there are too many."""
        for run in self.folding.runs(scope):
            part = run.first.part
            self.varied.update(self._varying(run))
            if isinstance(part, Scope):
                self._scope(run, part, cluster, level)
            else:
                self._node(part, cluster, run.times)
            self.fold(run)

    def _varying(self, run: Run) -> Iterator[int]:
        """The nodes of the first part whose arguments are others in the last."""
        if run.times > 1:
            pairs = zip(self.folding.nodes(run.first.part), self.folding.nodes(run.last.part), strict=True)
            for first, last in pairs:
                one, other = self.graph.nodes[first], self.graph.nodes[last]
                if isinstance(one, Node) and isinstance(other, Node) and one.op != other.op:
                    yield first

    def _scope(self, run: Run, scope: Scope, cluster: str | None, level: int) -> None:
        around = self.graph.scopes[scope.parent or 0]
        if self.depth is not None and level + 1 >= self.depth:
            box = collapsed(run, around, cluster)
            self._add(box)
            self.stands.update(dict.fromkeys(self.folding.nodes(scope), box.id))
            return
        id = f"c{scope.id}"
        name = names(run, around)
        self.clusters.append(Cluster(id, clean(_headed(name, scope)), _note(run), _place(scope), cluster, level))
        self.show(scope.id, id, level + 1)

    def _node(self, node: Node | Input, cluster: str | None, times: int) -> None:
        if isinstance(node, Input):
            self._add(_input(node))
        elif silent(node):
            return
        else:
            self._add(layer(node, self.graph.scopes[node.scope], cluster, times, varied=node.id in self.varied))
        self.stands[node.id] = self.boxes[-1].id

    def _add(self, box: Box) -> None:
        self.boxes.append(box)
        if len(self.boxes) > self.limit:
            raise DrawError(
                f"the picture would have more than {self.limit:,} boxes",
                "leave --fold on, look at less with --depth N or --detail stages, or raise the limit with --max-boxes",
            )


def layers(graph: Graph, *, fold: bool = True, depth: int | None = None, limit: int = LIMIT) -> Picture:
    """Every layer with its arguments and output shape; scopes deeper than `depth` as one box. Raises `DrawError`."""
    view = View(Folding(graph, fold), depth=depth, limit=limit)
    view.show(0)
    ends, last = outputs(view)
    return Picture(
        clean(graph.name, 80),
        describe(graph),
        (*view.boxes, *ends),
        (*edges(view), *last),
        tuple(view.clusters),
        gap=16,
    )


def edges(view: View) -> list[Edge]:
    """The arrows between the boxes of a view, each once."""
    flows = shortcuts(view.graph)
    found: dict[tuple[str, str, Flow], Edge] = {}
    for node in view.graph.ops:
        if node.id not in view.stands or silent(node):
            continue
        for operand, given in enumerate(node.inputs):
            value = view.source(given)
            if value.node not in view.stands or view.apart(value.node, node.id):
                continue
            tail, head = view.stands[value.node], view.stands[node.id]
            if tail == head:
                continue
            flow = flows.get((node.id, operand), "flow")
            found.setdefault((tail, head, flow), Edge(tail, head, flow, weight=8 if flow == "flow" else 1))
    return list(found.values())


def outputs(view: View) -> tuple[list[Box], list[Edge]]:
    """A box for each output of the network, and the arrow to it."""
    boxes, arrows = [], []
    for number, (name, value) in enumerate(view.graph.outputs.items()):
        shape = kinds.sizes((value.shape,))
        boxes.append(
            Box(
                f"out{number}",
                "ends",
                lines(Line(name, "strong"), Line(shape, "faint")),
                Place(),
                f"{name} — {shape}",
                least=_LEAST,
            )
        )
        arrows.append(Edge(view.stands[view.source(value).node], f"out{number}", weight=8))
    return boxes, arrows


def layer(node: Node, around: Scope, cluster: str | None, times: int = 1, *, varied: bool = False) -> Box:
    """The box of a layer."""
    place = Place(node.name, node.span)
    word = kinds.SIGNS.get(node.op.word)
    if word and not node.op.arguments():
        return Box(f"n{node.id}", "join", (Line(word, "strong"),), place, kinds.told(node), cluster, sign=True)
    others = "" if varied else kinds.rest(node.op)
    head = node.op.word if varied else kinds.label(node.op)
    own = label(node, around)
    shape = kinds.sizes(node.output_shapes)
    text = lines(
        Line(head + (f"  ×{times}" if times > 1 else ""), "strong"),
        Line(others, "faint"),
        Line("  ·  ".join(filter(None, (own if node.path else "", shape))), "faint"),
    )
    return Box(f"n{node.id}", kinds.kind(node.op), text, place, clean(kinds.told(node), 300), cluster, least=_LEAST)


def collapsed(run: Run, around: Scope, cluster: str | None) -> Box:
    """The box of a scope whose inside is not shown, or of several in a row."""
    scope = run.first.part
    assert isinstance(scope, Scope)
    shape = kinds.sizes(value.shape for value in run.last.output)
    cost = kinds.costs(sum(f.cost.params for f in run.parts), sum(f.cost.macs for f in run.parts))
    text = lines(
        Line(_headed(names(run, around), scope) + _times(run), "strong"), Line(shape, "faint"), Line(cost, "faint")
    )
    tip = " — ".join(filter(None, (".".join(scope.path), scope.kind, shape, cost)))
    return Box(f"s{scope.id}", "block", text, _place(scope), clean(tip, 300), cluster, least=_LEAST)


def names(run: Run, around: Scope) -> str:
    """The name of a part as known around it, or the first and the last of a run: `0 … 5`."""
    first, last = (label(facts.part, around) for facts in (run.first, run.last))
    return spanned(first, last)


def describe(graph: Graph) -> str:
    """What a network is, in a sentence for those who do not see its picture."""
    given = ", ".join(f"{name} {value.shape}" for name, value in graph.inputs.items())
    made = ", ".join(f"{name} {value.shape}" for name, value in graph.outputs.items())
    layers = sum(1 for node in graph.ops if not silent(node))
    source = f" ({graph.source})" if graph.source else ""
    return clean(f"{graph.name}{source}: {layers:,} layers, from {given} to {made}.", 400)


def _input(node: Input) -> Box:
    shape = kinds.sizes(value.shape for value in node.outputs)
    text = lines(Line(node.name, "strong"), Line(shape, "faint"))
    return Box(
        f"n{node.id}", "ends", text, Place(node.name, node.span), clean(f"{node.name} — {shape}", 300), least=_LEAST
    )


def _headed(name: str, scope: Scope) -> str:
    return f"{name}  {scope.kind}" if scope.kind and not name.startswith(scope.kind) else name


def _times(run: Run) -> str:
    return f"  ×{run.times}" if run.times > 1 else ""


def _note(run: Run) -> str:
    return clean(f"×{run.times}" if run.times > 1 else "")


def _place(part: Facts | Scope) -> Place:
    assert isinstance(part, Scope)
    return Place(".".join(part.path), part.span)
