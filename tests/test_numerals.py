"""Integers of any length can be printed everywhere."""

from __future__ import annotations

import doctest
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

import archspec
from archspec import numerals
from archspec.cli.commands import archspec as command
from archspec.json_text import dump_json
from archspec.numerals import (
    format_approximate,
    format_digits,
    format_grouped,
    format_number,
    format_power_of_two,
    format_rounded,
    order_of_magnitude,
)
from archspec.spec import budget

RANDOM = Random(7)
NUMBERS = [
    *(0, 1, -1, 999, 1000, -1000, 2**4096 - 1, 2**4096, 10**4299, 10**4300, -(10**5000), 10**5000 - 1, 7**9000, 10**20_000 + 7),
    *(RANDOM.getrandbits(RANDOM.randrange(1, 80_000)) for _ in range(40)),
]  # fmt: skip


def test_the_examples() -> None:
    assert doctest.testmod(numerals) == (0, 12)
    assert doctest.testmod(budget) == (0, 3)


@contextmanager
def no_limit() -> Iterator[None]:
    """Python's own conversion without its limit, for comparison."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{number.bit_length()} bits")
def test_all_digits_are_those_that_python_gives(number: int) -> None:
    found = format_digits(number), format_grouped(number)
    with no_limit():
        assert found == (str(number), f"{number:,}")
        if number > 0:
            assert order_of_magnitude(number) == len(str(number)) - 1


def test_a_number_of_very_many_digits_is_shown_rounded() -> None:
    assert format_number(10**59) == f"{10**59:,}"
    assert format_number(10**60) == "≈ 1.000e60"
    assert format_number(123456 * 10**7, most=12) == "≈ 1.234e12"
    assert format_number(123456 * 10**4995) == "≈ 1.234e5000"
    assert format_number(-123456 * 10**4995) == "≈ -1.234e5000"
    assert format_number(10**5000, most=6000) == format_grouped(10**5000)
    assert format_approximate(9999 * 10**500) == "≈ 9.999e503"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (12_345, "12.3 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (4_089_184_256, "4.09 G"),
        (9994 * 10**20, "999 Z"),
        (9999 * 10**20, "1.00 Y"),
        (10**24, "≈ 1.000e24"),
    ],
)
def test_rounded_counts(number: int, text: str) -> None:
    assert format_rounded(number) == text


def test_powers_of_two() -> None:
    assert [format_power_of_two(number) for number in (0, 1, 2**82, 2**82 - 1)] == ["", "", "2^82", ""]


def test_json_has_all_digits() -> None:
    data = {"a": [2**100_000, -(2**20_000), 5, True, None, 1.5, "x"], "b": {"c": (3**9000,)}}
    text = dump_json(data, indent=2)
    with no_limit():
        assert json.loads(text) == {"a": data["a"], "b": {"c": [3**9000]}}
    assert dump_json({"a": 1}) == '{"a":1}'


TENS = ", ".join(["identity"] * 10)
MANY = f"""name: many
input: [4]
stages:
  one: {{repeat: {{times: 2200, layers: [add: [{TENS}]]}}}}
  two: {{repeat: {{times: 2200, layers: [add: [{TENS}]]}}}}
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("summary",), "many"),
        (("count-paths",), "≈ 1.000e4400"),
        pytest.param(("count-paths", "--json"), "0" * 4400, marks=pytest.mark.slow),
        pytest.param(("count-paths", "--unit", "layers", "--lengths", "--json"), "0" * 4400, marks=pytest.mark.slow),
        pytest.param(("diff", "alexnet"), "≈ 1.000e4400", marks=pytest.mark.slow),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_command_prints_more_digits_than_python_does(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.yaml").write_text(MANY, encoding="utf-8")
    name, *rest = arguments
    ran = CliRunner().invoke(command, [name, "many.yaml", *rest])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert said in ran.output
    assert sys.get_int_max_str_digits() == 4300


def test_what_is_expected_and_not_so_is_said_with_more_digits_than_python_prints(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(f"{MANY}expect: {{paths: 1}}\n", encoding="utf-8")
    ran = CliRunner().invoke(command, ["check", str(tmp_path / "many.yaml")])
    assert ran.exit_code == 1
    assert "many.yaml:6:17: error: expected paths 1, got ≈ 1.000e4400 (+≈ 9.999e4399)" in ran.output


def test_a_number_from_outside_has_any_number_of_digits() -> None:
    spec = "name: a\ninput: [4]\nargs: {n: 1}\nstages: {one: {linear: n}}\n"
    with pytest.raises(archspec.SpecError, match="a number of more than 4096 bits"):
        archspec.load(spec, n=10**5000)
    with pytest.raises(archspec.SpecError, match="a number of more than 4096 bits"):
        archspec.load({"name": "a", "input": [4], "stages": {"one": {"linear": 10**5000}}})


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (1030, False),
        pytest.param(1000, True, marks=pytest.mark.slow),
        pytest.param(1200, False, marks=pytest.mark.slow),
    ],
)
def test_a_lesion_expects_its_paths_if_a_spec_can_hold_their_number(units: int, expected: bool, tmp_path: Path) -> None:
    parts = "a: {repeat: {times: 3, name: u, layers: [add: [identity, conv: 4]]}}"
    tens = f"b: {{repeat: {{times: {units}, layers: [add: [{TENS}]]}}}}"
    (tmp_path / "whole.yaml").write_text(
        f"name: whole\ninput: [4, 8, 8]\nstages: {{{parts}, {tens}}}\n", encoding="utf-8"
    )
    out = tmp_path / "less.yaml"
    ran = CliRunner().invoke(command, ["lesion", str(tmp_path / "whole.yaml"), "--drop", "a.u2", "-o", str(out)])
    assert ran.exit_code == 0, ran.output
    assert ("expect" in out.read_text(encoding="utf-8")) is expected
    assert archspec.check(out) == ()
