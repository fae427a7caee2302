"""Writes a graph as a file of plain PyTorch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from archspec.codegen.arguments import make_argument_names, make_identifier, name_part_arguments
from archspec.codegen.lowering import FILL_WEIGHT, LoweredNode, lower_graph
from archspec.codegen.module_tree import ModulePart, ModuleTree, build_module_tree
from archspec.codegen.python.bodies import read_body
from archspec.codegen.python.classes import write_class
from archspec.codegen.python.families import construct_instance, group_bodies, make_single_template
from archspec.codegen.python.initial import write_initialise_method
from archspec.codegen.python.model import ClassBody, ClassTemplate, Constructor
from archspec.codegen.python.module_file import PythonModule
from archspec.codegen.python.runtime import RuntimeClasses
from archspec.ir.graph import Graph, Path
from archspec.ir.names import UniqueNames
from archspec.ops.base import Call
from archspec.printable import mask_unprintable

Key = TypeVar("Key", bound=Hashable)

_INLINE = 4  # the most modules of a chain without a class of its own
_NESTED = 3  # the most nested chains of this kind


def print_source(graph: Graph, docstring: str) -> str:
    """The network as the text of a Python module that imports only torch. `docstring` is its docstring.

    >>> import archspec
    >>> source = print_source(archspec.load("lstm").graph, "An LSTM.")
    >>> [line for line in source.splitlines() if line.startswith(("import", "from", "class"))]
    ['import torch', 'from torch import Tensor, nn', 'class Memory(nn.Module):', 'class State(nn.Module):', 'class Cell(nn.Module):', 'class Lstm2(nn.Module):', 'class Lstm(nn.Module):']
    """
    layout = build_module_tree(graph)
    classes = _ClassCollection(layout, graph.name)
    steps = lower_graph(graph)
    runtime = RuntimeClasses({target for step in steps for target in _list_targets(step)})
    classes.name_classes(runtime.names)
    heads = UniqueNames(path[0] for path in classes.top.body.members)
    method = write_initialise_method(steps, heads.take("_initialise"))
    names = make_argument_names(["x"] if list(layout.inputs) == ["input"] else list(layout.inputs))
    inner = [write_class(family, name_part_arguments(family.body.part)) for family in classes.inner]
    return PythonModule(docstring, runtime, [*inner, write_class(classes.top, names, method)]).text()


def _list_targets(step: LoweredNode) -> Iterator[str]:
    """The names of what a step constructs or calls."""
    for call in step.lowered.calls:
        yield call.target
        yield from (value.target for value in call.options.values() if isinstance(value, Call))
        if call.parametrization is not None and "weight" in step.node.op.initial():
            yield FILL_WEIGHT


class _ClassCollection:
    """The classes of a network: those of its parts, inner ones first, and its own."""

    def __init__(self, layout: ModuleTree, name: str) -> None:
        self._made: dict[Path, Constructor] = {}
        self._depths: dict[Path, int] = {}
        self.inner: list[ClassTemplate] = []
        *parts, root = layout.parts
        for level in _group_by_level(parts):
            self._add(level)
        body = read_body(root, layout.inputs.values(), layout.outputs.values(), self._made)
        if not body.members:
            body.chain = None
        self.top = make_single_template(body)
        self.top.kind = name

    def _add(self, parts: list[ModulePart]) -> None:
        """Adds the classes of parts at one depth; an unnamed short chain becomes an `nn.Sequential` at its use."""
        distinct = {part.path: part for part in parts}.values()
        bodies = [read_body(part, part.inputs, part.outputs, self._made) for part in distinct]
        named: list[ClassBody] = []
        for body in bodies:
            if self._is_inline(body):
                options = tuple(("", make) for make in body.members.values() if isinstance(make, Constructor))
                self._made[body.part.path] = Constructor("torch.nn.Sequential", options)
            else:
                named.append(body)
        for family in group_bodies(named):
            self.inner.append(family)
            for index, body in enumerate(family.bodies):
                self._made[body.part.path] = construct_instance(family, index)

    def _is_inline(self, body: ClassBody) -> bool:
        if body.part.region.kind or body.chain is None or len(body.members) > _INLINE:
            return False
        path = body.part.path
        depth = 1 + max((self._depths.get((*path, *inner), 0) for inner in body.members), default=0)
        numbered = list(body.members) == [(str(index),) for index in range(len(body.members))]
        if numbered and depth <= _NESTED:
            self._depths[path] = depth
        return path in self._depths

    def name_classes(self, taken: set[str]) -> None:
        """Gives every class its name, the network first."""
        families = [self.top, *self.inner]
        free = UniqueNames(taken | {argument.name for family in families for argument in family.arguments})
        for family in families:
            family.name = free.take(_camel_case(family.kind))


def _group_by_level(parts: list[ModulePart]) -> list[list[ModulePart]]:
    """The parts by level, inner ones first; blocks of one name are on one level, unless one contains another."""
    kinds: dict[Path, Hashable] = {part.path: part.region.kind or part.path for part in parts}
    inside: dict[Path, set[Path]] = defaultdict(set)
    below: dict[Hashable, set[Hashable]] = defaultdict(set)
    for part in parts:
        inner = {item.path for item in part.flattened if isinstance(item, ModulePart)}
        inside[part.path] |= inner
        below[kinds[part.path]] |= {kinds[path] for path in inner}
    try:
        heights = _nesting_heights(below)
        level = {path: heights[kind] for path, kind in kinds.items()}
    except CycleError:
        level = _nesting_heights(inside)
    by_height: dict[int, list[ModulePart]] = defaultdict(list)
    for part in parts:
        by_height[level[part.path]].append(part)
    return [by_height[height] for height in sorted(by_height)]


def _nesting_heights(below: Mapping[Key, set[Key]]) -> dict[Key, int]:
    """The nesting height of each key, itself included."""
    heights: dict[Key, int] = {}
    for key in TopologicalSorter(below).static_order():
        heights[key] = 1 + max((heights[inner] for inner in below.get(key, ())), default=0)
    return heights


def _camel_case(text: str) -> str:
    """A class name from a name in a spec."""
    words = [word for word in re.split(r"[\W_]+", mask_unprintable(text)) if word]
    made = make_identifier("".join(word[0].upper() + word[1:] for word in words), "Net")
    return made if made != "Net" else "Network"
