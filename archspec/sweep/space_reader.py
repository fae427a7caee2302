"""Reads the document of a space, part by part, and reports each mistake at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from archspec.errors import Collector
from archspec.json_text import dump_json
from archspec.numerals import format_number
from archspec.spans import Span
from archspec.spec.expressions import ExpressionError
from archspec.spec.pydantic_errors import report_validation_error
from archspec.spec.yaml_tree import Mapping as MappingTree
from archspec.spec.yaml_tree import Scalar, Sequence, Tree, as_number, describe_tree, to_plain_data
from archspec.suggestions import did_you_mean
from archspec.sweep.axes import COUNTS, Axis, Choices, Interval, Progression, find_grid_size, name_column
from archspec.sweep.conditions import Condition, ConditionError, parse_condition
from archspec.sweep.measures import MEASURES, Settings
from archspec.sweep.search_settings import SearchSettings
from archspec.sweep.sections import SECTIONS

Model = TypeVar("Model", bound=BaseModel)

KEYS = ("name", "source", "base", "over", "where", "sample", "measure", "search")
_LARGEST = 10**300  # of an interval, whose numbers are drawn as floats
MOST = 10**9  # points of a grid, and values of a range


class SpaceReader:
    """Reads the document of a space and collects its mistakes."""

    def __init__(self, errors: Collector) -> None:
        self.errors = errors

    def read(self, tree: Tree) -> dict[str, Any]:
        """The parts of a space by the names of its fields, which are of use only if there was no mistake."""
        if not isinstance(tree, MappingTree):
            self.errors.report(f"a space is a mapping, got {describe_tree(tree)}", tree.span, help=_FORM)
            return {}
        for name, key in tree.keys.items():
            if name not in KEYS:
                self.errors.report(f"a space has no {name[:60]!r}", key.span, help=did_you_mean(name, KEYS) or _FORM)
        parts = tree.by_name
        for name in ("name", "base", "over"):
            if name not in parts:
                self.errors.report(f"a space needs {name!r}", tree.span, help=_FORM)
        axes = tuple(self.read_axes(parts["over"])) if "over" in parts else ()
        samples, seed = self.read_sample(parts.get("sample"))
        measures = dict(self.read_measures(parts.get("measure")))
        search = self.read_search(parts.get("search"), measures)
        if search is None:
            self.check_size(tree, axes, samples)
        elif samples is not None:
            self.errors.report(
                "a search draws points by itself", parts["sample"].span, help="leave out sample, or search"
            )
        return {
            "name": self.read_word(parts.get("name")),
            "base": self.read_word(parts.get("base")),
            "axes": axes,
            "conditions": tuple(self.read_conditions(parts.get("where"), {name_column(axis.name) for axis in axes})),
            "samples": samples,
            "seed": seed,
            "source": self.read_word(parts.get("source")),
            "measures": measures,
            "search": search,
            "places": dict(_locate_parts(parts)),
        }

    def check_size(self, tree: Tree, axes: tuple[Axis, ...], samples: int | None) -> None:
        """Reports a space without a sample that has no end of points, or too many."""
        size = find_grid_size(axes)
        if samples is None and size is None:
            drawn = next(axis for axis in axes if axis.size is None)
            message = f"{drawn.name} is drawn from an interval, which has no end of points"
            self.errors.report(message, tree.span, help="say how many: sample: {n: 500, seed: 0}")
        elif samples is None and (size or 0) > MOST:
            self.errors.report(f"the space has {size:,} points", tree.span, help="sample: {n: 500, seed: 0}")

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
            section, dot, part = key.text.partition(".")
            if dot and (section not in SECTIONS or not part):
                self.errors.report(f"{key.text[:60]!r} is no argument, block or stage", key.span, help=_SECTION)
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
        if count > MOST:
            self.errors.report(
                f"{name} has {count:,} values", tree.span, help="a larger step, or {uniform: [from, to]}"
            )
            return None
        return Choices(name, Progression(low, step, count))

    def read_interval(self, name: str, tree: Tree, step: Tree | None, *, log: bool) -> Interval | None:
        if not isinstance(tree, Sequence) or len(tree.items) != 2:
            self.errors.report(f"{name} needs two bounds, got {describe_tree(tree)}", tree.span, help=_AXES)
            return None
        bounds = [self.read_number(item) for item in tree]
        if None in bounds:
            return None
        if any(abs(bound) > _LARGEST for bound in bounds if bound is not None):
            self.errors.report(f"{name} needs bounds of at most {_LARGEST:.0e}", tree.span)
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
            message = f"sample needs n, and perhaps a seed, as whole numbers from 0 on, got {describe_tree(tree)}"
            self.errors.report(message, tree.span, help="sample: {n: 500, seed: 0}")
            return None, 0
        if numbers["n"] > MOST:
            self.errors.report(
                f"sample has at most {MOST:,} points, got {format_number(numbers['n'])}", given["n"].span
            )
            return None, 0
        return numbers["n"], numbers.get("seed", 0)

    # -- measures and searches ----------------------------------------------------------------------------------------

    def read_measures(self, tree: Tree | None) -> Iterator[tuple[str, Settings]]:
        """The settings of the measures: of a list of their names, or of a mapping of their names to settings.

        A list may name counts, too, which every point has.
        """
        if tree is None:
            return
        if not isinstance(tree, MappingTree | Sequence) or not list(tree):
            self.errors.report(f"measure needs names of measures, got {describe_tree(tree)}", tree.span, help=_MEASURE)
            return
        named = tree if isinstance(tree, MappingTree) else [(item, None) for item in tree]
        for key, settings in named:
            name = key.text if isinstance(key, Scalar) else ""
            if name in MEASURES:
                yield name, self.read_model(name, MEASURES[name].settings, key, settings)
            elif name not in COUNTS or settings is not None:
                advice = _COUNTED if name in COUNTS else did_you_mean(name, (*MEASURES, *COUNTS)) or _MEASURE
                self.errors.report(f"{name[:60]!r} is not measured", key.span, help=advice)

    def read_search(self, tree: Tree | None, measures: Mapping[str, Settings]) -> SearchSettings | None:
        if tree is None:
            return None
        search = self.read_model("search", SearchSettings, tree, tree)
        known = (*COUNTS, *measures)
        for objective in search.objectives:
            name = objective.removeprefix("-")
            if name not in known or name == "structure":
                advice = (
                    f"measure: [{name}]"
                    if name in MEASURES
                    else "measure: [test_error], objectives: [test_error]"
                    if "accuracy" in name
                    else did_you_mean(name, known) or f"there are {', '.join(known)}"
                )
                self.errors.report(f"{name[:60]!r} is neither counted nor measured", tree.span, help=advice)
        return search

    def read_model(self, owner: str, model: type[Model], key: Tree, tree: Tree | None) -> Model:
        """Settings that a pydantic model describes; with mistakes, unchecked ones."""
        if tree is None or (isinstance(tree, Scalar) and tree.kind == "null"):
            tree = None
        elif not isinstance(tree, MappingTree):
            self.errors.report(f"{owner} needs a mapping of settings, got {describe_tree(tree)}", tree.span)
            tree = None
        places = {} if tree is None else {name: (tree.keys[name].span, value) for name, value in tree.by_name.items()}
        try:
            return model(**{name: self.read_value(value) for name, (_, value) in places.items()})
        except ValidationError as error:
            report_validation_error(error, owner, model, places, span=key.span, errors=self.errors)
            return model.model_construct(None, objectives=())


def _locate_parts(parts: Mapping[str, Tree]) -> Iterator[tuple[str, Span]]:
    """The spans of the base and of the names of the axes."""
    if "base" in parts:
        yield "base", parts["base"].span
    over = parts.get("over")
    if isinstance(over, MappingTree):
        yield from ((f"over.{name}", key.span) for name, key in over.keys.items())


_FORM = "a space is {name: …, base: resnet50, over: {groups: [1, 2, 4]}}"
_AXES = "values are a list, {from: 4, to: 64, step: 2}, {choice: […]}, {uniform: [0, 1], step: 0.1} or {log_uniform: [1e-4, 1e-1]}"
_SECTION = "stages.layer4: {choice: [null, …]} has whole stages as its values, blocks.unit blocks"
_WHERE = "where: [params <= 26e6, 3.9e9 <= macs <= 4.3e9]"
_MEASURE = "measure: {latency: {device: cpu}, test_error: {data: digits, epochs: 5}}"
_COUNTED = "every point is counted, and a count has no settings; leave it out"
