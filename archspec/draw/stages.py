"""The picture of a network at a glance: a box a stage, the shapes between them, what repeats folded as `×N`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from archspec.analysis.counts import Cost
from archspec.analysis.outline import label
from archspec.draw import kinds
from archspec.draw.folding import Folding, Run
from archspec.draw.layers import describe, silent, spanned
from archspec.draw.picture import Box, Edge, Flow, Line, Picture, Place, lines
from archspec.draw.shortcuts import Operand, shortcuts
from archspec.draw.bend import bent
from archspec.draw.text import clean
from archspec.graph import Graph, Input, Node, Scope, Value

_WHOLE = 0.5  # a part with more of the layers than this is opened: it is not one stage of the network
_ROWS = 5  # of one box; the others are counted
_MOST = 26  # boxes of one picture: as many fit a page
_CHAIN = 7  # layers of a block that are written out
_WIDTH = 190.0


@dataclass
class Stage:
    """What one box stands for: runs of parts, and the rows that say so."""

    runs: list[Run] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        return sum((facts.cost for run in self.runs for facts in run.parts), Cost())


def stages(graph: Graph, *, fold: bool = True) -> Picture:
    """The stages of a network with their costs; it fits a page whatever the depth of the network."""
    folding = Folding(graph, fold)
    shown = grouped(folding)
    flows = shortcuts(graph)
    boxes = [Box(f"n{node.id}", "ends", _ends(node.name, node.outputs), Place(node.name, node.span)) for node in _inputs(graph)]
    stands = {node.id: f"n{node.id}" for node in _inputs(graph)}
    for number, stage in enumerate(shown):
        stands.update(dict.fromkeys(_nodes(folding, stage), f"g{number}"))
        boxes.append(_box(folding, stage, f"g{number}", flows))
    outputs = [Box(f"out{n}", "ends", _ends(name, (value,)), Place()) for n, (name, value) in enumerate(graph.outputs.items())]
    found, ranks = bent(_edges(graph, stands, flows), [box.id for box in boxes], [box.id for box in outputs])
    last = [Edge(stands[value.node], f"out{n}", weight=8) for n, value in enumerate(graph.outputs.values())]
    return Picture(graph.name, describe(graph), (*boxes, *outputs), (*found, *last), ranks=ranks, gap=26)


def parts(folding: Folding, scope: int = 0) -> Iterator[Run]:
    """The runs of parts that stages are made of: those of the network, with what holds most of it opened."""
    whole = len(folding.graph.nodes)
    for run in folding.runs(scope):
        part = run.first.part
        if isinstance(part, Scope) and run.times == 1 and len(folding.nodes(part)) > max(_WHOLE * whole, 3):
            yield from parts(folding, part.id)
        elif not isinstance(part, Input):
            yield run


def grouped(folding: Folding) -> list[Stage]:
    """The stages of a network, as many as fit a page."""
    return _fitted(list(_grouped(folding)))


def _grouped(folding: Folding) -> Iterator[Stage]:
    """The stages: parts of one block at one resolution together, loose layers in a row together."""
    current = Stage()
    for run in parts(folding):
        if current.runs and not _joins(folding, current, run):
            yield current
            current = Stage()
        current.runs.append(run)
    if current.runs:
        yield current


def _joins(folding: Folding, stage: Stage, run: Run) -> bool:
    """Whether a run belongs to the stage before it: it reads that alone and is of its kind."""
    before = stage.runs[-1]
    if not _follows(folding, before, run):
        return False
    old, new = before.first.part, run.first.part
    if isinstance(new, Scope) and isinstance(old, Scope):
        return old.kind == new.kind != "" and _resolution(before) == _resolution(run)
    if isinstance(new, Scope):
        return not any(one.first.cost.params or isinstance(one.first.part, Scope) for one in stage.runs)
    return isinstance(old, Node) and not _ended(stage)


def _follows(folding: Folding, before: Run, run: Run) -> bool:
    inside = {id for facts in run.parts for id in folding.nodes(facts.part)}
    last = folding.readers(before.last.part)
    return bool(last) and last <= inside


def _ended(stage: Stage) -> bool:
    """Whether loose layers have come to the end of a resolution: weights, then a pool."""
    last = stage.runs[-1].first.part
    weighted = any(one.first.cost.params for one in stage.runs)
    return weighted and isinstance(last, Node) and last.op.word in {"maxpool", "avgpool"}


def _resolution(run: Run) -> tuple[tuple[int, ...], ...]:
    return tuple(value.shape.spatial if value.shape.axis == 0 else value.shape.sizes[:-1] for value in run.last.output)


def _fitted(found: list[Stage]) -> list[Stage]:
    """The stages, neighbours joined where there are too many for a page."""
    while len(found) > _MOST:
        pairs = range(0, len(found), 2)
        found = [Stage([run for stage in found[at : at + 2] for run in stage.runs]) for at in pairs]
    return found


def _nodes(folding: Folding, stage: Stage) -> Iterator[int]:
    for run in stage.runs:
        for facts in run.parts:
            yield from folding.nodes(facts.part)


def _box(folding: Folding, stage: Stage, id: str, flows: dict[Operand, Flow]) -> Box:
    first = stage.runs[0].first.part
    rows = rows_of(folding, stage, flows)
    cost = kinds.costs(stage.cost.params, stage.cost.macs)
    name = name_of(folding, stage)
    loose = all(isinstance(run.first.part, Node) for run in stage.runs)
    heaviest = max((run.first for run in stage.runs), key=lambda facts: facts.cost.params)
    kind = kinds.kind(heaviest.part.op) if loose and isinstance(heaviest.part, Node) else "block"
    text = lines(Line(name, "strong"), *rows, Line(cost, "faint"))
    place = Place(".".join(first.path), first.span) if isinstance(first, (Scope, Node)) else Place()
    return Box(id, kind, text, place, clean(" — ".join(line.text for line in text), 300), least=_WIDTH)


def name_of(folding: Folding, stage: Stage) -> str:
    """What the stage is called: its one part, the first and the last of a block's uses, or all its loose layers."""
    named = [run for run in stage.runs if isinstance(run.first.part, Scope)] or stage.runs
    root = folding.graph.scopes[0]
    first, last = _short(label(named[0].first.part, root)), _short(label(named[-1].last.part, root))
    return spanned(first, last)


def _short(name: str) -> str:
    """A name without the scopes that hold the whole network."""
    return name.rpartition(".")[2] if name.rpartition(".")[2][:1].isalpha() else name


def rows_of(folding: Folding, stage: Stage, flows: dict[Operand, Flow]) -> list[Line]:
    """What a stage is made of, a line each; at most a few."""
    rows = list(_merged(list(_rows(folding, stage, flows))))
    return rows if len(rows) <= _ROWS else [*rows[: _ROWS - 1], Line(f"… {len(rows) - _ROWS + 1} more rows", "faint")]


def _rows(folding: Folding, stage: Stage, flows: dict[Operand, Flow]) -> Iterator[Line]:
    loose: list[Node] = []
    for run in stage.runs:
        part = run.first.part
        if isinstance(part, Node):
            loose.extend(facts.part for facts in run.parts if isinstance(facts.part, Node) and not silent(facts.part))
            continue
        yield from chained(loose)
        loose = []
        if isinstance(part, Scope):
            yield from _inside(folding, run, part, flows, single=len(stage.runs) == 1)
    yield from chained(loose)


def _inside(folding: Folding, run: Run, scope: Scope, flows: dict[Operand, Flow], *, single: bool) -> Iterator[Line]:
    """The rows of a block: those of its parts where it is alone and they are few, else one."""
    plain = chain_of(folding, scope)
    if plain and run.times == 1:
        yield from chained(plain)
        return
    opened = list(_opened(folding, scope, flows)) if single and run.times == 1 else []
    yield from opened if 0 < len(opened) <= _ROWS else _row(folding, run, flows)


def _opened(folding: Folding, scope: Scope, flows: dict[Operand, Flow]) -> Iterator[Line]:
    within = list(folding.runs(scope.id))
    if not any(isinstance(run.first.part, Scope) for run in within):
        return
    loose: list[Node] = []
    for run in within:
        part = run.first.part
        if isinstance(part, Node):
            loose.append(part)
            continue
        yield from chained(loose)
        loose = []
        yield from _row(folding, run, flows)
    yield from chained(loose)


def chain_of(folding: Folding, scope: Scope) -> list[Node]:
    """The layers of a scope where they are a few, one after the other; else none."""
    inside = [folding.graph.nodes[id] for id in folding.nodes(scope)]
    nodes = [node for node in inside if isinstance(node, Node) and not silent(node)]
    plain = len(nodes) <= _CHAIN and not any(len(node.inputs) > 1 or len(node.outputs) > 1 for node in nodes)
    return nodes if plain else []


def _row(folding: Folding, run: Run, flows: dict[Operand, Flow]) -> Iterator[Line]:
    part = run.first.part
    assert isinstance(part, Scope)
    around = folding.graph.scopes[part.parent or 0]
    name = _kind(folding, part) or _short(label(part, around))
    times = f"  ×{run.times}" if run.times > 1 else ""
    plain = chain_of(folding, part)
    if plain and run.times == 1:
        yield from chained(plain)
    else:
        yield Line(name + times, "plain", _around(folding, part, flows))


def _kind(folding: Folding, scope: Scope) -> str:
    """What a part is: its block, or the one block inside it."""
    if scope.kind:
        return scope.kind
    inside = [facts.part for facts in folding.members[scope.id] if isinstance(facts.part, Scope)]
    return _kind(folding, inside[0]) if len(inside) == 1 else ""


def _merged(rows: list[Line]) -> Iterator[Line]:
    """Rows with equal neighbours as one: `inception  ×2`, whatever the widths."""
    for (text, style, skip), group in groupby(rows, key=lambda row: (row.text, row.style, row.skip)):
        times = len(list(group))
        yield Line(f"{text}  ×{times}" if times > 1 and "×" not in text else text, style, skip)


def _around(folding: Folding, scope: Scope, flows: dict[Operand, Flow]) -> Flow | None:
    """The kind of shortcut in a block: its strongest."""
    inside = folding.nodes(scope)
    found = {flow for (node, _), flow in flows.items() if node in inside}
    return next((flow for flow in ("projection", "identity", "concat", "gate") if flow in found), None)


def chained(nodes: list[Node]) -> Iterator[Line]:
    """Layers one after the other, the weighted ones each with a row: `conv 7×7, 64, /2, batchnorm, relu`."""
    row: list[str] = []
    for node in nodes:
        if silent(node):
            continue
        if row and (node.op.weighted or len(row) > 2 or node.op.word.endswith("pool")):
            yield Line(", ".join(row))
            row = []
        row.append(kinds.label(node.op))
    if row:
        yield Line(", ".join(row))


def _edges(graph: Graph, stands: dict[int, str], flows: dict[Operand, Flow]) -> list[Edge]:
    """The arrows between stages, each once, with the shape of what flows; those past other stages as shortcuts."""
    order = {id: number for number, id in enumerate(dict.fromkeys(stands.values()))}
    found: dict[tuple[str, str], Flow] = {}
    carried: dict[tuple[str, str], dict[Value, None]] = {}
    for node in graph.ops:
        for operand, given in enumerate(node.inputs):
            tail, head = ends = stands[given.node], stands[node.id]
            if tail == head:
                continue
            flow = flows.get((node.id, operand), "flow")
            past = order[head] - order[tail] > 1 and not tail.startswith("n")
            found.setdefault(ends, _skipping(node, flow) if past else flow if flow == "gate" else "flow")
            carried.setdefault(ends, {})[given] = None
    return [
        Edge(*ends, flow, "" if ends[0].startswith("n") else kinds.sizes(v.shape for v in carried[ends]), 8 if flow == "flow" else 1)
        for ends, flow in found.items()
    ]


def _skipping(node: Node, flow: Flow) -> Flow:
    return flow if flow != "flow" else "concat" if node.op.word == "concat" else "identity"


def _ends(name: str, values: tuple[Value, ...]) -> tuple[Line, ...]:
    return lines(Line(name, "strong"), Line(kinds.sizes(value.shape for value in values), "faint"))


def _inputs(graph: Graph) -> list[Input]:
    return [node for node in graph.nodes if isinstance(node, Input)]
