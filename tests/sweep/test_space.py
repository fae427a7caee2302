"""Spaces: what varies, which points there are, conditions, and located mistakes."""

from __future__ import annotations

import re

import pytest

from archspec.errors import SpecError
from archspec.sweep.base import open_base
from archspec.sweep.conditions import ConditionError, parse_condition
from archspec.sweep.space import digest_point, read_space

SPACE = """name: small
base: cifar_resnet20_A
over:
  n: {from: 1, to: 3}
  width: [8, 16]
"""


def test_a_grid_has_all_points_and_the_last_axis_varies_first() -> None:
    space = read_space(SPACE)
    assert [tuple(point.values()) for point in space.points()] == [(1, 8), (1, 16), (2, 8), (2, 16), (3, 8), (3, 16)]
    assert space.size == 6


def test_a_sample_is_without_repetition_and_the_same_for_a_seed() -> None:
    drawn = [list(read_space(f"{SPACE}sample: {{n: 4, seed: {seed}}}\n").points()) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({tuple(point.values()) for point in drawn[0]}) == 4


def test_a_sample_of_more_points_than_an_index_has_room_for() -> None:
    axes = ", ".join(f"a{number}: {{from: 1, to: 1000}}" for number in range(10))
    space = read_space(f"{{name: s, base: resnet18, over: {{{axes}}}, sample: 20}}")
    assert space.size == 10**30
    points = list(space.points())
    assert len({tuple(point.values()) for point in points}) == 20
    assert points == list(space.points())


def test_ranges_are_exact_and_intervals_keep_their_bounds() -> None:
    space = read_space("{name: s, base: b, over: {rate: {from: 0.1, to: 0.5, step: 0.1}}}")
    assert [point["rate"] for point in space.points()] == [0.1, 0.2, 0.3, 0.4, 0.5]
    text = "{name: s, base: b, over: {k: {log_uniform: [1, 64]}, r: {uniform: [0.5, 1]}}, sample: {n: 300}}"
    points = list(read_space(text).points())
    assert {type(point["k"]) for point in points} == {int}
    assert {1, 64} >= {min(point["k"] for point in points), max(point["k"] for point in points)} - {2, 63, 62, 61}
    assert all(0.5 <= point["r"] <= 1 for point in points)
    assert sum(point["k"] <= 8 for point in points) > 100  # half of the octaves


def test_layers_are_values() -> None:
    space = read_space("{name: s, base: b, over: {body: {choice: [relu, [conv: 8, relu], {linear: {out: 4}}]}}}")
    assert [point["body"] for point in space.points()] == ["relu", [{"conv": 8}, "relu"], {"linear": {"out": 4}}]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("{name: s, base: b}", "1:1", "a space needs 'over'"),
        ("{name: s, base: b, over: {n: 3}}", "1:30", "n needs values, got 3"),
        ("{name: s, base: b, over: {n: [1, 2, 1]}}", "1:37", "n has the value 1 twice"),
        ("{name: s, base: b, over: {n: []}}", "1:30", "n needs a list of values, got an empty list"),
        ("{name: s, base: b, over: {n: {from: 3, to: 1}}}", "1:30", "n needs from ≤ to and a step above 0"),
        ("{name: s, base: b, over: {n: {from: a, to: 1}}}", "1:37", "expected a number, got 'a'"),
        (
            "{name: s, base: b, over: {n: {uniform: [0, 1]}}}",
            "1:1",
            "n is drawn from an interval, which has no end of points",
        ),
        (
            "{name: s, base: b, over: {n: {log_uniform: [0, 1]}}, sample: 3}",
            "1:44",
            "n needs a lower bound above 0 and a higher one",
        ),
        (
            "{name: s, base: b, over: {n: {uniform: [0, 1e400]}}, sample: 3}",
            "1:40",
            "n needs bounds of at most 1e+300",
        ),
        (
            "{name: s, base: b, over: {n: [1]}, sample: 1e12}",
            "1:44",
            "sample has at most 1,000,000,000 points, got 1,000,000,000,000",
        ),
        ("{name: s, base: b, over: {n: [1]}, where: [marcs < 3]}", "1:44", "'marcs' is neither varied nor a count"),
        ("{name: s, base: b, over: {n: [1]}, where: [n + 3]}", "1:44", "'n + 3' compares nothing"),
        ("{name: s, base: b, over: {n: [1]}, were: [n < 3]}", "1:36", "a space has no 'were'"),
        ("{name: s, base: b, over: {stage.a: [relu]}}", "1:27", "'stage.a' is no argument, block or stage"),
        (
            "{name: s, base: b, over: {n: [1]}, sample: many}",
            "1:44",
            "sample needs n, and perhaps a seed, as whole numbers from 0 on, got 'many'",
        ),
    ],
)
def test_mistakes_have_their_places(text: str, place: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_space(text)
    first = caught.value.diagnostics[0]
    assert (first.message, f"{first.span.line}:{first.span.column}") == (message, place)


@pytest.mark.parametrize(
    ("base", "name", "place", "message"),
    [
        ("resnett50", "groups", "1:17", "there is no bundled spec and no file 'resnett50'"),
        ("resnet50", "grops", "2:8", "resnet50 has no argument 'grops'"),
        ("resnet50", "blocks.units", "2:8", "resnet50 has no block 'units'"),
        ("resnet50", "stages.layer5", "2:8", "resnet50 has no stage 'layer5'"),
    ],
)
def test_what_the_base_does_not_have_has_its_place_in_the_space(base: str, name: str, place: str, message: str) -> None:
    space = read_space(f"{{name: s, base: {base},\nover: {{{name}: [1, 2]}}}}")
    with pytest.raises(SpecError) as caught:
        open_base(space)
    first = caught.value.diagnostics[0]
    assert (first.message, f"{first.span.line}:{first.span.column}") == (message, place)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        read_space("{nam: s, over: {n: 3, m: {from: 1}}, where: [q > 1]}")
    assert len(caught.value.diagnostics) == 6


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("3.9e9 <= macs <= 4.3e9", {"macs": 4 * 10**9}, True),
        ("paths >= 2 ** 82", {"paths": 2**82 - 1}, False),
        ("paths >= 2 ** 82", {"paths": 2**82}, True),
        ("n % 2 == 0 and not (n > 6 or k == 'wide')", {"n": 4, "k": "thin"}, True),
        ("-n < 0", {"n": 1}, True),
    ],
)
def test_conditions_are_exact(text: str, values: dict[str, object], holds: bool) -> None:
    assert parse_condition(text).holds(values) is holds


@pytest.mark.parametrize(
    "text", ["f(n) > 1", "n[0] > 1", "n.real > 1", "(lambda: n)() > 1", "[n] > 1", "1 < 2", "n >", "", "n := 3"]
)
def test_conditions_are_nothing_but_comparisons(text: str) -> None:
    with pytest.raises(ConditionError):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "message"), [("1 / n > 1", "has no value"), ("2 ** n > 1", "an exponent has at most")]
)
def test_conditions_without_a_value_say_so(text: str, message: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(message)):
        parse_condition(text).holds({"n": 0 if "/" in text else 10**9})


def test_a_digest_depends_on_the_base_and_the_values_alone() -> None:
    assert digest_point("a", {"x": 1, "y": 2}) == digest_point("a", {"y": 2, "x": 1})
    assert (
        len(
            {
                digest_point("a", {"x": 1}),
                digest_point("b", {"x": 1}),
                digest_point("a", {"x": 1.0}),
                digest_point("a", {"x": "1"}),
            }
        )
        == 4
    )
