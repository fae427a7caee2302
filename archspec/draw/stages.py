"""The picture of a network at a glance: a box a stage, the shapes between them, what repeats folded as `×N`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from archspec.analysis import kinds
from archspec.analysis.folding import Folding, Run, silent
from archspec.analysis.outline import label
from archspec.analysis.shortcuts import Flow, Operand, shortcuts
from archspec.analysis.stages import Stage, grouped, name_of, nodes_of, short
from archspec.draw.bend import bent
from archspec.draw.layers import describe
from archspec.draw.picture import Box, Edge, Line, Picture, Place, lines
from archspec.draw.text import clean
from archspec.graph import Graph, Input, Node, Scope, Value

_ROWS = 5  # of one box; the others are counted
_CHAIN = 7  # layers of a block that are written out
_WIDTH = 190.0


def stages(graph: Graph, *, fold: bool = True) -> Picture:
    """The stages of a network with their costs; it fits a page whatever the depth of the network."""
    folding = Folding(graph, fold)
    shown = grouped(folding)
    flows = shortcuts(graph)
    boxes = [
        Box(f"n{node.id}", "ends", _ends(node.name, node.outputs), Place(node.name, node.span))
        for node in _inputs(graph)
    ]
    stands = {node.id: f"n{node.id}" for node in _inputs(graph)}
    for number, stage in enumerate(shown):
        stands.update(dict.fromkeys(nodes_of(folding, stage), f"g{number}"))
        boxes.append(_box(folding, stage, f"g{number}", flows))
    outputs = [
        Box(f"out{n}", "ends", _ends(name, (value,)), Place()) for n, (name, value) in enumerate(graph.outputs.items())
    ]
    found, ranks = bent(_edges(graph, stands, flows), [box.id for box in boxes], [box.id for box in outputs])
    last = [Edge(stands[value.node], f"out{n}", weight=8) for n, value in enumerate(graph.outputs.values())]
    return Picture(clean(graph.name, 80), describe(graph), (*boxes, *outputs), (*found, *last), ranks=ranks, gap=26)


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
    name = _kind(folding, part) or short(label(part, around))
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
        Edge(
            *ends,
            flow,
            "" if ends[0].startswith("n") else kinds.sizes(v.shape for v in carried[ends]),
            8 if flow == "flow" else 1,
        )
        for ends, flow in found.items()
    ]


def _skipping(node: Node, flow: Flow) -> Flow:
    return flow if flow != "flow" else "concat" if node.op.word == "concat" else "identity"


def _ends(name: str, values: tuple[Value, ...]) -> tuple[Line, ...]:
    return lines(Line(name, "strong"), Line(kinds.sizes(value.shape for value in values), "faint"))


def _inputs(graph: Graph) -> list[Input]:
    return [node for node in graph.nodes if isinstance(node, Input)]
