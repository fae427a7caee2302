"""Places the ops of a draft into regions by the names of their modules, and makes the graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.importing.value_names import WORDS
from archspec.ir.graph import UNKNOWN_SPAN, Graph, Value
from archspec.recording.draft import Draft, DraftNode
from archspec.recording.trace import Path

_Child = tuple[Path, int]
"""The names of a part inside another, and which call of its module it is."""


@dataclass(slots=True)
class _Part:
    """A part of the network: a module that is no single op, with its nodes and parts in order."""

    place: Path
    """The names of the parts around it and of itself, in which a module that is called from another part is one name."""
    members: list[DraftNode | _Part] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The path of its module."""
        return _read_place(self.place)


class Placing:
    """Makes the graph of a draft: a region for each module with weights, in the order of its calls."""

    def __init__(
        self, draft: Draft, classes: Mapping[Path, str], arguments: Mapping[Path, Mapping[str, Any]] | None = None
    ) -> None:
        """
        Args:
            draft: the ops.
            classes: the class of each module.
            arguments: the arguments of the constructor of each module.
        """
        self.draft, self.classes, self.arguments = draft, classes, arguments or {}
        self.owners = {node.path for node in draft.nodes if node.path is not None and node.owns_weights}
        scopes = {node.scope for node in draft.nodes}
        self.called = {scope[:end] for scope in scopes for end in range(len(scope) + 1)}
        """The paths of the modules that are called, and not only contain others."""
        self._drop_repeated_names()
        self.homes = self._find_homes()

    def _drop_repeated_names(self) -> None:
        """Removes the names of modules without weights that are called several times, or that contain others."""
        counts = Counter(node.path for node in self.draft.nodes if node.path is not None)
        inner = {path[:end] for path in self.owners for end in range(1, len(path))}
        for node in self.draft.nodes:
            if node.path is not None and not node.owns_weights and (counts[node.path] > 1 or node.path in inner):
                node.path = None

    def _find_homes(self) -> dict[int, Path]:
        """The place of the part that each node belongs to: the path of the module around it that is no op itself.

        A module that another part calls again is in that part, as one name: a dot and its path.
        """
        homes: dict[int, Path] = {}
        known: set[Path] = set()
        for node in self.draft.nodes:
            home = self._find_home(node)
            if node.path in known or (node.path is None and home in known):
                home = self._find_call(node, home, known)
            homes[id(node)] = home
            known.update((node.path or home, *(home[:end] for end in range(1, len(home) + 1))))
        return homes

    def _find_home(self, node: DraftNode) -> Path:
        path = node.path[:-1] if node.path is not None else node.scope
        while path and path in self.owners:
            path = path[:-1]
        return path

    def _find_call(self, node: DraftNode, home: Path, known: set[Path]) -> Path:
        """The place of a node whose module may be called from another part, by the modules around its call."""
        place: Path = ()
        real: Path = ()
        for path in (*node.uses, node.path or ()):
            if path[: len(real)] == real:
                place = (*place, *path[len(real) :])
            elif path in known:
                place = (*place, f".{'.'.join(path)}")
            else:
                return home
            real = path
        if node.path is not None:
            place = place[:-1]
        while place and _read_place(place) in self.owners:
            place = place[:-1]
        return place

    def make_graph(self, name: str, source: str = "") -> Graph:
        """The graph of the draft. Raises `ShapeError`."""
        root = self._arrange((), self.draft.nodes)
        graph = Graph(name, source)
        values = {id(value): graph.add_input(own, value.shape) for own, value in self.draft.inputs.items()}
        self._name_parts(root)
        self._add_members(graph, root, 0, values)
        for own, value in self.draft.outputs.items():
            graph.add_output(own, values[id(value)])
        return graph.freeze()

    # -- the tree of parts ----------------------------------------------------------------------------------------------

    def _arrange(self, around: Path, nodes: list[DraftNode]) -> _Part:
        """The part of a place with its nodes, which are in the order of their calls."""
        keys = self._find_children(len(around), nodes)
        last = {key: place for place, key in enumerate(keys)}
        part = _Part(around)
        place = 0
        while place < len(nodes):
            key = keys[place]
            if key is None:
                self._keep(part, nodes[place])
                place += 1
                continue
            stop = last[key] + 1
            part.members.append(self._arrange((*around, *key[0]), nodes[place:stop]))
            place = stop
        return part

    def _find_children(self, depth: int, nodes: list[DraftNode]) -> list[_Child | None]:
        """For each node, the part inside one of `depth` names that it belongs to; None for those of that one itself.

        Where the nodes of a part are not consecutive, those of the parts inside it are tried.
        """
        broken: set[Path] = set()
        while True:
            keys = [self._find_child(node, depth, broken) for node in nodes]
            weighted = {key for key, node in zip(keys, nodes, strict=True) if key is not None and node.owns_weights}
            keys = [key if key in weighted else None for key in keys]
            last = {key: place for place, key in enumerate(keys)}
            first = {key: place for place, key in reversed([*enumerate(keys)])}
            interrupted = {
                key[0]
                for key in first
                if key is not None and self._is_interrupted(key, keys, nodes, depth, range(first[key], last[key] + 1))
            }
            if not interrupted:
                return keys
            broken |= interrupted

    def _find_child(self, node: DraftNode, depth: int, broken: set[Path]) -> _Child | None:
        home = self.homes[id(node)]
        for stop in range(depth + 1, len(home) + 1):
            if home[depth:stop] not in broken:
                return home[depth:stop], node.uses.get(_read_place(home[:stop]), 0)
        return None

    def _is_interrupted(
        self, key: _Child, keys: list[_Child | None], nodes: list[DraftNode], depth: int, extent: range
    ) -> bool:
        """Whether other nodes stand between those of a part: named ones, or any if it is a container that is never called."""
        others = [nodes[place] for place in extent if keys[place] != key]
        owner = _read_place(self.homes[id(nodes[extent.start])][: depth + len(key[0])])
        return bool(others) and (owner not in self.called or any(node.path is not None for node in others))

    def _keep(self, part: _Part, node: DraftNode) -> None:
        if node.path is not None and not node.owns_weights and node.path[:-1] != part.path:
            node.path = None
        part.members.append(node)

    # -- names of layers without weights --------------------------------------------------------------------------------

    def _name_parts(self, part: _Part) -> None:
        """Names layers without weights where that makes the text shorter, and where their numbers are the names of others."""
        for member in part.members:
            if isinstance(member, _Part):
                self._name_parts(member)
        numbered = any((_name_within(member, part) or "").isdigit() for member in part.members)
        if part.path and not numbered:
            self._name_between(part)
        self._name_numbered(part)

    def _name_between(self, part: _Part) -> None:
        """Names the layers between named ones, and removes the names of those without weights that stand alone."""
        named = [member.path is not None for member in part.members]
        alone = [
            not any(named[max(0, place - 1) : place] + named[place + 1 : place + 2]) for place in range(len(named))
        ]
        between = [0 < place < len(named) - 1 and named[place - 1] and named[place + 1] for place in range(len(named))]
        names: set[str | None] = {_name_within(member, part) for member in part.members}
        unnamed = [
            member
            for member, inside in zip(part.members, between, strict=True)
            if inside and isinstance(member, DraftNode) and member.path is None and member.op.numbered
        ]
        counts = Counter(node.word for node in unnamed)
        for node in unnamed:
            stem = f"{node.word}1" if counts[node.word] > 1 else node.word
            node.path = (*part.path, _take_name(stem, names))
        for member, lonely in zip(part.members, alone, strict=True):
            if lonely and isinstance(member, DraftNode) and not member.owns_weights and member.op.numbered:
                member.path = None

    def _name_numbered(self, part: _Part) -> None:
        """Names the unnamed layers of a part whose number in it may be the name of another: parts with numbers may be counted or not."""
        names = {_name_within(member, part) for member in part.members} - {None}
        parts = {_name_within(member, part) for member in part.members if isinstance(member, _Part)}
        number = unnamed = 0
        for member in part.members:
            name = _name_within(member, part)
            if name == str(number):
                number += 1
            elif isinstance(member, DraftNode) and member.path is None and member.op.numbered:
                if str(number) in names or parts.intersection(map(str, range(unnamed, number))):
                    member.path = (*part.path, _take_name(member.word, names))
                else:
                    number, unnamed = number + 1, unnamed + 1

    # -- the graph --------------------------------------------------------------------------------------------------------

    def _add_members(self, graph: Graph, part: _Part, region: int, values: dict[int, Value]) -> None:
        for member in part.members:
            if isinstance(member, _Part):
                kind = _name_class(self.classes.get(member.path, ""))
                own = graph.add_region(member.path, kind, self.arguments.get(member.path, {}), UNKNOWN_SPAN, region)
                self._add_members(graph, member, own.id, values)
                continue
            inputs = tuple(values[id(value)] for value in member.inputs)
            outputs = graph.add_node(member.op, inputs, member.path or (), region=region)
            values.update((id(value), own) for value, own in zip(member.outputs, outputs, strict=True))


def _read_place(place: Path) -> Path:
    """The path of a module by its place.

    >>> _read_place(("head", ".trunk.0", "conv"))
    ('trunk', '0', 'conv')
    """
    start = next((number for number in range(len(place) - 1, -1, -1) if place[number].startswith(".")), None)
    return place if start is None else (*place[start][1:].split("."), *place[start + 1 :])


def _name_within(member: DraftNode | _Part, part: _Part) -> str | None:
    """The name of a member in its part; None if it has none, or is used again there."""
    depth = len(part.path)
    return ".".join(member.path[depth:]) if member.path is not None and member.path[:depth] == part.path else None


def _take_name(word: str, names: set[str | None]) -> str:
    """A name that is not taken: a word, or the word with the next number."""
    stem = word.rstrip("0123456789")
    name, count = word, int(word[len(stem) :] or 1)
    while name in names:
        count += 1
        name = f"{stem}{count}"
    names.add(name)
    return name


def _name_class(name: str) -> str:
    """The name of a block for a class: `InvertedResidual` is `inverted_residual`; nothing for containers.

    >>> _name_class("SEBasicBlock"), _name_class("Sequential")
    ('se_basic_block', '')
    """
    if name in {"", "Sequential", "ModuleList", "ModuleDict"}:
        return ""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip("_")).lower()
    return words if words not in WORDS and words.isidentifier() else f"{words}_block"
