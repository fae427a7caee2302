"""Reads spaces of variants: a YAML document with a base network, what varies, and which points are wanted."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archspec.errors import Collector
from archspec.json_text import dump_json
from archspec.spans import Span
from archspec.spec import bundled
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.source_lookup import Spec, locate_source
from archspec.spec.yaml_reader import read_tree
from archspec.sweep.axes import Axis, Choices, find_grid_size, name_column
from archspec.sweep.conditions import Condition
from archspec.sweep.measures import Settings
from archspec.sweep.search_settings import SearchSettings
from archspec.sweep.space_reader import SpaceReader

Point = Mapping[str, Any]
"""The values of the axes at one point, by name: numbers, words, or layers as plain data."""


@dataclass(frozen=True)
class Space:
    """A space of variants of a base network.

    >>> space = read_space("{name: s, base: resnet50, over: {depth3: [4, 6], groups: {from: 1, to: 3}}, where: [depth3 > groups]}")
    >>> space.size, [space.base, list(space.points())[0]]
    (6, ['resnet50', {'depth3': 4, 'groups': 1}])
    """

    name: str
    base: str
    axes: tuple[Axis, ...]
    conditions: tuple[Condition, ...] = ()
    samples: int | None = None
    """The number of points that are drawn; None for all."""
    seed: int = 0
    source: str = ""
    measures: Mapping[str, Settings] = field(default_factory=dict)
    """What the points are measured for, by name."""
    search: SearchSettings | None = None
    """How points are searched for, instead of counting all."""
    text: str = field(default="", repr=False)
    folder: Path | None = field(default=None, repr=False)
    """The folder of the document, from which a path of a base is resolved."""
    places: Mapping[str, Span] = field(default_factory=dict, repr=False, compare=False)
    """Where the base and the axes stand: `base`, `over.NAME`."""
    kept: bool = False
    """Whether the folder has a copy of the base, as that of a sweep does whose base is a file."""

    @property
    def size(self) -> int | None:
        """The number of points of the whole space; None if an axis is an interval."""
        return find_grid_size(self.axes)

    @property
    def spec(self) -> Spec:
        """The base network, as `archspec.load` takes it."""
        if self.kept and self.folder is not None:
            return self.folder / "base.yaml"
        beside = self.folder / self.base if self.folder is not None else None
        return beside if beside is not None and beside.is_file() else self.base

    def points(self) -> Iterator[dict[str, Any]]:
        """The points in a fixed order: all of them, or those that are drawn, without repetition where the space has a size."""
        size = self.size
        if self.samples is None:
            yield from map(self.point_at, range(size or 0))
            return
        generator = random.Random(self.seed)  # noqa: S311 - not for secrets
        if size is not None:
            yield from map(self.point_at, _draw_positions(generator, size, min(self.samples, size)))
            return
        for _ in range(self.samples):
            yield {axis.name: axis.draw(generator) for axis in self.axes}

    def point_at(self, index: int) -> dict[str, Any]:
        """One point of a space with a size; the last axis varies first."""
        values = {}
        for axis in reversed(self.axes):
            assert isinstance(axis, Choices)
            index, position = divmod(index, axis.size)
            values[axis.name] = axis.values[position]
        return {axis.name: values[axis.name] for axis in self.axes}

    def name_values(self, point: Point) -> dict[str, Any]:
        """The values of a point by the names that conditions and tables have for them."""
        return {name_column(name): value for name, value in point.items()}

    def admits(self, point: Point, counts: Mapping[str, Any] | None = None) -> bool:
        """Whether a point meets the conditions; without counts, only those about arguments alone are asked.

        Raises `ConditionError` if one has no value.
        """
        known = {**self.name_values(point), **(counts or {})}
        return all(condition.holds(known) for condition in self.conditions if condition.names <= known.keys())


def _draw_positions(generator: random.Random, size: int, count: int) -> Iterable[int]:
    """Different numbers below a size."""
    if size <= sys.maxsize:
        return generator.sample(range(size), count)
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[generator.randrange(size)] = None
    return drawn


def digest_point(base: str, point: Point) -> str:
    """A name for a point of one base network, which depends on nothing else: 16 hexadecimal digits.

    >>> digest_point("resnet50", {"groups": 2}) == digest_point("resnet50", {"groups": 2})
    True
    """
    text = dump_json([base, sorted(point.items())], ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_space(spec: Spec, limits: Limits = DEFAULT) -> Space:
    """The space of a file, a text or a mapping, or the bundled one of a name. Raises `SpecError` with all mistakes, each at its place.

    >>> [point["n"] for point in read_space("{name: s, base: cifar_resnet20_A, over: {n: [3, 5]}}").points()]
    [3, 5]
    """
    known = bundled.find_bundled_space(spec) if isinstance(spec, str) else None
    source, path = locate_source(spec if known is None or Path(str(spec)).is_file() else known, limits)
    reader = SpaceReader(Collector())
    parts = reader.read(read_tree(source, limits))
    reader.errors.raise_if_any()
    return Space(**parts, text=source.text, folder=path.parent if path is not None else None)
