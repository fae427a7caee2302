"""Which parts of a network become modules of their own, what enters and leaves them, and which of them are equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from archspec.backends.inplace import overwrite
from archspec.backends.steps import Ref, Step, steps_of
from archspec.graph import Graph, Path, Scope

DEEPEST = 64
"""Modules inside one another: what lies deeper stands in the code around it, so that calls stay within Python's stack."""


@dataclass(eq=False)
class Part:
    """One use of a scope. It becomes a module of its own if it is `nested`; otherwise it stands in its parent's code."""

    scope: Scope
    parent: Part | None
    items: list[Step | Part] = field(default_factory=list)
    inputs: dict[Ref, None] = field(default_factory=dict)
    outputs: dict[Ref, None] = field(default_factory=dict)
    nested: bool = False
    form: int = -1
    """Equal for nested parts of equal structure."""
    path: Path = field(init=False)
    depth: int = field(init=False)
    regular: bool = field(init=False)
    """Whether its path, and that of each part around it, goes on from the path of the next one."""

    def __post_init__(self) -> None:
        self.path = self.scope.path
        above = self.parent
        self.depth = 0 if above is None else above.depth + 1
        self.regular = above is None or (above.regular and self.path[: len(above.path)] == above.path)

    @property
    def flat(self) -> Iterator[Step | Part]:
        """Its steps and nested parts, in order; the contents of parts that are not nested."""
        for item in self.items:
            if isinstance(item, Part) and not item.nested:
                yield from item.flat
            else:
                yield item


@dataclass
class Layout:
    """The parts that become modules, each before the one around it; the last is the network.

    `inputs` and `outputs` are the network's, by name.
    """

    parts: list[Part]
    inputs: dict[str, Ref]
    outputs: dict[str, Ref]


def lay_out(graph: Graph) -> Layout:
    """Decides which scopes become modules: those with a module or a parameter in them.

    Uses of one path share one module where they are equal, and become part of the code around them where they are not.
    """
    steps, made = steps_of(graph)
    outputs = {name: made[value.node, value.index] for name, value in graph.outputs.items()}
    steps = overwrite(steps, outputs.values())
    root, parts, homes = _tree(graph, steps)
    for step in steps:
        for ref in step.operands:
            _connect(ref, homes.get(ref[0], root), homes[step.node.id])
    for ref in outputs.values():
        _connect(ref, homes.get(ref[0], root), root)
    for part in parts:
        part.outputs = dict.fromkeys(sorted(part.outputs))
    _choose(steps, homes, parts)
    nested = _form(parts)
    root.nested, root.outputs = True, dict.fromkeys(outputs.values())
    inputs = {name: (value.node, value.index) for name, value in graph.inputs.items()}
    return Layout([*nested, root], inputs, outputs)


def _tree(graph: Graph, steps: list[Step]) -> tuple[Part, list[Part], dict[int, Part]]:
    """The parts as a tree, all but the root in order, and the part of each node.

    A scope whose nodes are not consecutive has several parts; they differ, so they become no module.
    """
    root = Part(graph.scopes[0], None)
    open_parts, parts, homes = [root], [], {}
    for step in steps:
        if open_parts[-1].scope.id != step.node.scope:
            chain = graph.scope_chain(step.node.scope)
            common = _common(open_parts, chain)
            del open_parts[common:]
            for scope in chain[common:]:
                part = Part(scope, open_parts[-1])
                open_parts[-1].items.append(part)
                open_parts.append(part)
                parts.append(part)
        open_parts[-1].items.append(step)
        homes[step.node.id] = open_parts[-1]
    return root, parts, homes


def _common(open_parts: list[Part], chain: tuple[Scope, ...]) -> int:
    pairs = zip(open_parts, chain, strict=False)
    return next(
        (at for at, (part, scope) in enumerate(pairs) if part.scope.id != scope.id), min(len(open_parts), len(chain))
    )


def _connect(ref: Ref, maker: Part, user: Part) -> None:
    """Leads a value out of the parts around its maker and into those around its user."""
    while maker is not user:
        if maker.depth > user.depth:
            maker.outputs[ref] = None
            maker = _around(maker)
        else:
            user.inputs[ref] = None
            user = _around(user)


def _around(part: Part) -> Part:
    assert part.parent is not None, "only the root has nothing around it, and all parts are in it"
    return part.parent


def _choose(steps: list[Step], homes: dict[int, Part], parts: list[Part]) -> None:
    """Marks as nested the parts that hold state, all of it at paths below their own."""
    stateful, astray = set(), set()
    taken = {step.path for step in steps if step.kind.state}
    for step in steps:
        part: Part | None = homes[step.node.id] if step.kind.state else None
        while part is not None:
            fits = step.path[: len(part.path)] == part.path and len(step.path) > len(part.path)
            if fits and part.regular and part in stateful:
                break
            stateful.add(part)
            if not fits:
                astray.add(part)
            part = part.parent
    inside: dict[Part | None, tuple[int, int]] = {}
    for part in parts:
        above, depth = inside.get(part.parent, (0, 0))
        fits = part in stateful and part not in astray and part.path not in taken and len(part.path) > above
        part.nested = fits and depth < DEEPEST
        inside[part] = (len(part.path), depth + 1) if part.nested else (above, depth)


def _form(parts: list[Part]) -> list[Part]:
    """Numbers the structures of nested parts, inner ones first, and takes apart the uses of one path that differ."""
    by_path: dict[Path, list[Part]] = defaultdict(list)
    for part in parts:
        by_path[part.path].append(part)
    forms: dict[Hashable, int] = {}
    ordered: list[Part] = []
    for path in sorted(by_path, key=len, reverse=True):
        uses = by_path[path]
        if not all(part.nested for part in uses):
            for part in uses:
                part.nested = False
            continue
        bodies = [_body(part) for part in uses]
        if any(body.structure != bodies[0].structure for body in bodies[1:]):
            for part in uses:
                part.nested = False
            continue
        given = sorted({body.places[ref] for part, body in zip(uses, bodies, strict=True) for ref in part.outputs})
        form = forms.setdefault((bodies[0].structure, tuple(given)), len(forms))
        for part, body in zip(uses, bodies, strict=True):
            refs = {place: ref for ref, place in body.places.items()}
            part.form, part.outputs = form, {refs[place]: None for place in given}
        ordered.extend(uses)
    return ordered


@dataclass(frozen=True, slots=True)
class _Body:
    """What makes two parts equal but for what they give: kind, ops and shapes, wiring, names below their own.

    `places` says where in the part each value is made: by which item, and which of its outputs it is.
    """

    structure: Hashable
    places: dict[Ref, Ref]


def _body(part: Part) -> _Body:
    places: dict[Ref, Ref] = {ref: (-1, at) for at, ref in enumerate(part.inputs)}
    items: list[Hashable] = []
    start = len(part.path)
    for at, item in enumerate(part.flat):
        operands: Iterable[Ref]
        if isinstance(item, Part):
            what, operands, path = -1 - item.form, item.inputs, item.path
            places.update((ref, (at, index)) for index, ref in enumerate(item.outputs))
        else:
            what, operands, path = item.kind.number, item.operands, item.path if item.kind.state else ()
            places.update(((item.node.id, index), (at, index)) for index in range(len(item.node.outputs)))
        items.append((what, path[start:], tuple(places[ref] for ref in operands)))
    return _Body((part.scope.kind, len(part.inputs), tuple(items)), places)


def wording(part: Part) -> Hashable:
    """What the code of a part depends on: its structure without options and shapes."""
    places = _body(part).places
    items: list[Hashable] = []
    start = len(part.path)
    for item in part.flat:
        if isinstance(item, Part):
            refs = tuple(places[ref] for ref in item.inputs)
            items.append((len(item.outputs), item.path[start:], refs))
        else:
            path = item.path[start:] if item.kind.state else ()
            refs = tuple(places[ref] for ref in item.operands)
            items.append((item.kind.wording, len(item.node.outputs), path, refs))
    return len(part.inputs), tuple(items), tuple(places[ref] for ref in part.outputs)
