"""Reads spaces of variants: a YAML document with a base network, what varies, and which points are wanted."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

from archspec.errors import Collector
from archspec.json_text import dump_json
from archspec.spans import Source
from archspec.spec import bundled
from archspec.spec.expressions import ExpressionError
from archspec.spec.limits import DEFAULT, Limits
from archspec.spec.source_lookup import Spec, locate_source
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import Mapping as MappingTree
from archspec.spec.yaml_tree import Scalar, Sequence, Tree, as_number, describe_tree, to_plain_data
from archspec.suggestions import did_you_mean
from archspec.sweep.axes import COUNTS, Axis, Choices, Interval, name_column
from archspec.sweep.conditions import Condition, ConditionError, parse_condition

KEYS = ("name", "base", "over", "where", "sample", "source")
_MOST = 10**9  # points of a grid, and values of a range

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
    text: str = field(default="", repr=False)
    folder: Path | None = field(default=None, repr=False)
    """The folder of the document, from which a path of a base is resolved."""
    kept: bool = False
    """Whether the folder has a copy of the base, as that of a sweep does whose base is a file."""

    @property
    def size(self) -> int | None:
        """The number of points of the whole space; None if an axis is an interval."""
        sizes = [axis.size for axis in self.axes]
        return None if None in sizes else prod(size for size in sizes if size is not None)

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
            yield from map(self.point_at, generator.sample(range(size), min(self.samples, size)))
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

    def admits(self, point: Point, counts: Mapping[str, Any] | None = None) -> bool:
        """Whether a point meets the conditions; without counts, only those about arguments alone are asked.

        Raises `ConditionError` if one has no value.
        """
        known = {**{name_column(name): value for name, value in point.items()}, **(counts or {})}
        return all(condition.holds(known) for condition in self.conditions if condition.names <= known.keys())


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
    tree = read_tree(source, limits)
    reader = _Reader(source, Collector())
    space = reader.read(tree, path.parent if path is not None else None)
    reader.errors.raise_if_any()
    assert space is not None
    return space


class _Reader:
    def __init__(self, source: Source, errors: Collector) -> None:
        self.source, self.errors = source, errors

    def read(self, tree: Tree, folder: Path | None) -> Space | None:
        if not isinstance(tree, MappingTree):
            self.errors.report(f"a space is a mapping, got {describe_tree(tree)}", tree.span, help=_FORM)
            return None
        for name, key in tree.keys.items():
            if name not in KEYS:
                self.errors.report(f"a space has no {name[:60]!r}", key.span, help=did_you_mean(name, KEYS) or _FORM)
        parts = tree.by_name
        for name in ("name", "base", "over"):
            if name not in parts:
                self.errors.report(f"a space needs {name!r}", tree.span, help=_FORM)
        axes = tuple(self.read_axes(parts["over"])) if "over" in parts else ()
        names = {name_column(axis.name) for axis in axes}
        samples, seed = self.read_sample(parts.get("sample"))
        conditions = tuple(self.read_conditions(parts.get("where"), names))
        space = Space(
            self.read_word(parts.get("name")),
            self.read_word(parts.get("base")),
            axes,
            conditions,
            samples,
            seed,
            self.read_word(parts.get("source")),
            self.source.text,
            folder,
        )
        if samples is None and space.size is None:
            drawn = next(axis for axis in axes if axis.size is None)
            message = f"{drawn.name} is drawn from an interval, which has no end of points"
            self.errors.report(message, tree.span, help="say how many: sample: {n: 500, seed: 0}")
        elif samples is None and (space.size or 0) > _MOST:
            self.errors.report(f"the space has {space.size:,} points", tree.span, help="sample: {n: 500, seed: 0}")
        return space

    def read_word(self, tree: Tree | None) -> str:
        if tree is None:
            return ""
        if not isinstance(tree, Scalar) or not tree.text.strip():
            self.errors.report(f"expected a text, got {describe_tree(tree)}", tree.span)
            return ""
        return tree.text

    # -- axes -------------------------------------------------------------------------------------------------------

    def read_axes(self, tree: Tree) -> Iterator[Axis]:
        if not isinstance(tree, MappingTree) or not tree.entries:
            self.errors.report(
                f"over needs arguments and their values, got {describe_tree(tree)}", tree.span, help=_FORM
            )
            return
        for key, values in tree:
            axis = self.read_axis(key.text, values)
            if axis is not None:
                yield axis

    def read_axis(self, name: str, tree: Tree) -> Axis | None:
        if isinstance(tree, Sequence):
            return self.read_choices(name, tree)
        if isinstance(tree, MappingTree):
            keys = tree.by_name.keys()
            if keys == {"choice"}:
                return self.read_choices(name, tree.by_name["choice"])
            if {"from", "to"} <= keys <= {"from", "to", "step"}:
                return self.read_range(name, tree)
            (kind, *others) = sorted(keys & {"uniform", "log_uniform"}) or [""]
            if kind and not others and keys <= {kind, "step"}:
                return self.read_interval(name, tree.by_name[kind], tree.by_name.get("step"), log=kind == "log_uniform")
        self.errors.report(f"{name} needs values, got {describe_tree(tree)}", tree.span, help=_AXES)
        return None

    def read_choices(self, name: str, tree: Tree) -> Choices | None:
        if not isinstance(tree, Sequence) or not tree.items:
            self.errors.report(f"{name} needs a list of values, got {describe_tree(tree)}", tree.span, help=_AXES)
            return None
        values = [self.read_value(item) for item in tree]
        texts = list(map(dump_json, values))
        for position, item in enumerate(tree):
            if texts[position] in texts[:position]:
                self.errors.report(f"{name} has the value {describe_tree(item)} twice", item.span)
        return Choices(name, tuple(values))

    def read_range(self, name: str, tree: MappingTree) -> Choices | None:
        numbers = {key: self.read_number(value) for key, value in tree.by_name.items()}
        low, high, step = numbers["from"], numbers["to"], numbers.get("step", Fraction(1))
        if low is None or high is None or step is None:
            return None
        if step <= 0 or high < low:
            self.errors.report(f"{name} needs from ≤ to and a step above 0", tree.span)
            return None
        count = int((high - low) / step) + 1
        if count > _MOST:
            self.errors.report(
                f"{name} has {count:,} values", tree.span, help="a larger step, or {uniform: [from, to]}"
            )
            return None
        return Choices(name, tuple([as_number(low + step * turn) for turn in range(count)]))

    def read_interval(self, name: str, tree: Tree, step: Tree | None, *, log: bool) -> Interval | None:
        if not isinstance(tree, Sequence) or len(tree.items) != 2:
            self.errors.report(f"{name} needs two bounds, got {describe_tree(tree)}", tree.span, help=_AXES)
            return None
        bounds = [self.read_number(item) for item in tree]
        if None in bounds:
            return None
        low, high = (as_number(bound) for bound in bounds if bound is not None)
        if low >= high or (log and low <= 0):
            positive = " above 0" if log else ""
            self.errors.report(f"{name} needs a lower bound{positive} and a higher one", tree.span)
            return None
        distance = self.read_number(step) if step is not None else None
        if step is not None and (distance is None or not 0 < distance <= high - low):
            self.errors.report(f"{name} needs a step above 0 within its bounds", step.span)
            return None
        return Interval(name, low, high, log, distance)

    def read_number(self, tree: Tree) -> Fraction | None:
        if not isinstance(tree, Scalar) or tree.kind != "number":
            self.errors.report(f"expected a number, got {describe_tree(tree)}", tree.span)
            return None
        try:
            return tree.number
        except ExpressionError as error:
            self.errors.report(str(error), tree.span)
            return None

    def read_value(self, tree: Tree) -> Any:
        try:
            return to_plain_data(tree)
        except ExpressionError as error:
            self.errors.report(str(error), tree.span)
            return None

    # -- conditions and samples ---------------------------------------------------------------------------------------

    def read_conditions(self, tree: Tree | None, names: set[str]) -> Iterator[Condition]:
        if tree is None:
            return
        known = (*names, *COUNTS)
        for item in tree.items if isinstance(tree, Sequence) else (tree,):
            if not isinstance(item, Scalar):
                self.errors.report(f"a condition is a comparison, got {describe_tree(item)}", item.span, help=_WHERE)
                continue
            try:
                condition = parse_condition(item.text)
            except ConditionError as error:
                self.errors.report(str(error), item.span, help=_WHERE)
                continue
            for name in sorted(condition.names - set(known)):
                advice = did_you_mean(name, known) or f"counts are {', '.join(COUNTS)}"
                self.errors.report(f"{name!r} is neither varied nor a count", item.span, help=advice)
            yield condition

    def read_sample(self, tree: Tree | None) -> tuple[int | None, int]:
        if tree is None:
            return None, 0
        given = tree.by_name if isinstance(tree, MappingTree) else {"n": tree}
        numbers = {key: to_plain_data(value) for key, value in given.items()}
        whole = all(isinstance(number, int) and number >= 0 for number in numbers.values())
        if "n" not in given or not given.keys() <= {"n", "seed"} or not whole:
            message = f"sample needs whole numbers, got {describe_tree(tree)}"
            self.errors.report(message, tree.span, help="sample: {n: 500, seed: 0}")
            return None, 0
        return numbers["n"], numbers.get("seed", 0)


_FORM = "a space is {name: …, base: resnet50, over: {groups: [1, 2, 4]}}"
_AXES = "values are a list, {from: 4, to: 64, step: 2}, {choice: […]}, {uniform: [0, 1], step: 0.1} or {log_uniform: [1e-4, 1e-1]}"
_WHERE = "where: [params <= 26e6, 3.9e9 <= macs <= 4.3e9]"
