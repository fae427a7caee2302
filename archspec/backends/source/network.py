"""A graph as a file of plain PyTorch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from archspec.backends.arguments import FreeNames, argument_names, identifier, part_arguments
from archspec.backends.layout import Layout, Part, lay_out
from archspec.backends.source.bodies import body_of
from archspec.backends.source.classes import class_for
from archspec.backends.source.families import families, made_of, single
from archspec.backends.source.initial import initialise
from archspec.backends.source.model import Body, Family, Make
from archspec.backends.source.module import Module
from archspec.backends.source.runtime import Runtime
from archspec.backends.steps import steps_of
from archspec.graph import Graph, Path
from archspec.printable import mask_unprintable

Key = TypeVar("Key", bound=Hashable)

_INLINE = 4  # modules of a chain that needs no class
_NESTED = 3  # such chains inside one another


def source(graph: Graph, about: str) -> str:
    """The network as the text of a Python module that imports nothing but torch. `about` is its docstring."""
    layout = lay_out(graph)
    classes = _Classes(layout, graph.name)
    steps = steps_of(graph)[0]
    runtime = Runtime({step.kind.state.target for step in steps if step.kind.state is not None})
    classes.christen(runtime.names)
    heads = FreeNames(path[0] for path in classes.top.body.members)
    method = initialise(steps, heads.take("_initialise"))
    names = argument_names(["x"] if list(layout.inputs) == ["input"] else list(layout.inputs))
    inner = [class_for(family, part_arguments(family.body.part)) for family in classes.inner]
    return Module(about, runtime, [*inner, class_for(classes.top, names, method)]).text()


class _Classes:
    """The classes of a network: those of its parts, inner ones first, and its own."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._made: dict[Path, Make] = {}
        self._depths: dict[Path, int] = {}
        self.inner: list[Family] = []
        *parts, root = layout.parts
        for level in _levels(parts):
            self._add(level)
        body = body_of(root, list(layout.inputs.values()), list(layout.outputs.values()), self._made)
        if not body.members:
            body.chain = None
        self.top = single(body)
        self.top.kind = name

    def _add(self, parts: list[Part]) -> None:
        """The classes of parts that lie equally deep; a short chain without a name is an `nn.Sequential` where it is used."""
        distinct = {part.path: part for part in parts}.values()
        bodies = [body_of(part, list(part.inputs), list(part.outputs), self._made) for part in distinct]
        named: list[Body] = []
        for body in bodies:
            if self._is_inline(body):
                options = tuple(("", make) for make in body.members.values() if isinstance(make, Make))
                self._made[body.part.path] = Make("torch.nn.Sequential", options)
            else:
                named.append(body)
        for family in families(named):
            self.inner.append(family)
            for index, body in enumerate(family.bodies):
                self._made[body.part.path] = made_of(family, index)

    def _is_inline(self, body: Body) -> bool:
        if body.part.scope.kind or body.chain is None or len(body.members) > _INLINE:
            return False
        path = body.part.path
        depth = 1 + max((self._depths.get((*path, *inner), 0) for inner in body.members), default=0)
        numbered = list(body.members) == [(str(index),) for index in range(len(body.members))]
        if numbered and depth <= _NESTED:
            self._depths[path] = depth
        return path in self._depths

    def christen(self, taken: set[str]) -> None:
        """Gives every class its name, the network first."""
        families = [self.top, *self.inner]
        free = FreeNames(taken | {argument.name for family in families for argument in family.arguments})
        for family in families:
            family.name = free.take(_camel(family.kind))


def _levels(parts: list[Part]) -> list[list[Part]]:
    """The parts, inner ones first; blocks of one name are on one level, if no block is inside one of its name."""
    kinds: dict[Path, Hashable] = {part.path: part.scope.kind or part.path for part in parts}
    inside: dict[Path, set[Path]] = defaultdict(set)
    below: dict[Hashable, set[Hashable]] = defaultdict(set)
    for part in parts:
        inner = {item.path for item in part.flat if isinstance(item, Part)}
        inside[part.path] |= inner
        below[kinds[part.path]] |= {kinds[path] for path in inner}
    try:
        heights = _heights(below)
        level = {path: heights[kind] for path, kind in kinds.items()}
    except CycleError:
        level = _heights(inside)
    by_height: dict[int, list[Part]] = defaultdict(list)
    for part in parts:
        by_height[level[part.path]].append(part)
    return [by_height[height] for height in sorted(by_height)]


def _heights(below: Mapping[Key, set[Key]]) -> dict[Key, int]:
    """How many are inside one another, itself included."""
    heights: dict[Key, int] = {}
    for key in TopologicalSorter(below).static_order():
        heights[key] = 1 + max((heights[inner] for inner in below.get(key, ())), default=0)
    return heights


def _camel(text: str) -> str:
    """The name of a class that is made of a name of the spec, or of the spec's own."""
    words = [word for word in re.split(r"[\W_]+", mask_unprintable(text)) if word]
    made = identifier("".join(word[0].upper() + word[1:] for word in words), "Net")
    return made if made != "Net" else "Network"
