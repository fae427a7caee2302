"""Warnings are printed and counted, and do not change the exit code; those about `--set` name the option."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archspec.cli.commands import archspec

SPEC = """\
name: mine
input: [3, 8, 8]
args: {width: 4, spare: 2}
stages: {one: {conv: width}}
"""
WARNING = "3:18: warning: nothing reads the argument 'spare'"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(archspec, [str(argument) for argument in arguments])


def test_check_counts_them(spec: Path, tiny: Path, wrong: Path) -> None:
    result = run("check", spec)
    assert (result.exit_code, result.stdout) == (0, "1 checked, none wrong, 1 warning\n")
    assert result.stderr.startswith(f"{spec}:{WARNING}\n")
    assert run("check", tiny).stdout == "1 checked, none wrong\n"
    result = run("check", spec, spec, wrong)
    assert (result.exit_code, result.stdout) == (1, "3 checked, 1 wrong, 2 warnings\n")


def test_json_has_the_severity(spec: Path, wrong: Path) -> None:
    result = run("check", spec, "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["ok"]) == (0, True)
    (found,) = answer["files"][0]["diagnostics"]
    assert (found["severity"], found["line"], found["column"]) == ("warning", 3, 18)
    answer = json.loads(run("check", wrong, "--json").stdout)
    assert [found["severity"] for found in answer["files"][0]["diagnostics"]] == ["error"]


@pytest.mark.parametrize("command", [["summary"], ["count-paths"], ["summary", "--json"]])
def test_other_commands_print_them_beside_their_answer(command: list[str], spec: Path, tmp_path: Path) -> None:
    result = run(*command, spec)
    assert result.exit_code == 0
    assert WARNING in result.stderr
    without = tmp_path / "mine.yaml"
    without.write_text(SPEC.replace(", spare: 2", ""), encoding="utf-8")
    assert result.stdout == run(*command, without).stdout


def test_they_have_a_colour_of_their_own(spec: Path) -> None:
    assert "\x1b[35m" in CliRunner().invoke(archspec, ["check", str(spec)], color=True).stderr


def test_set_of_what_nothing_reads(spec: Path) -> None:
    result = run("summary", spec, "--set", "spare=3")
    assert result.exit_code == 0
    assert "--set spare=3: warning: nothing reads the argument 'spare', whatever its value" in result.stderr


@pytest.mark.parametrize(
    ("given", "first", "help"),
    [
        ("grups=3", "--set grups=3: error: resnet50 has no argument 'grups'", "did you mean 'groups'?"),
        ("foo=5", "--set foo=5: error: resnet50 has no argument 'foo'", "there is classes, groups, base"),
        ("spec=5", "--set spec=5: error: resnet50 has no argument 'spec'", "there is classes"),
        ("limits=5", "--set limits=5: error: resnet50 has no argument 'limits'", "there is classes"),
        ("groups=", "--set groups=: error: groups has no value", None),
        ("groups=[1", "--set groups=[1: error: this is not YAML: expected ',' or ']'", "a closing ]"),
        ("groups=2 *", "--set groups=2 *: error: '2 *': a number or a name is missing at the end", None),
        ("groups='2'", "--set groups='2': error: groups needs a number, got '2'", "arithmetic stands unquoted"),
        ("groups=rellu", "--set groups=rellu: error: 'rellu' is no number here", None),
    ],
)
def test_what_is_wrong_with_set_points_into_it(given: str, first: str, help: str | None) -> None:
    result = run("summary", "resnet50", "--set", given)
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert lines[0] == first
    assert lines[1] == f"    1 | {given}"
    assert help is None or help in result.stderr
    assert ":1:1" not in result.stderr


def test_the_carets_are_under_what_is_wrong() -> None:
    lines = run("summary", "resnet50", "--set", "groups=2 * widht").stderr.splitlines()
    assert lines[1:3] == ["    1 | groups=2 * widht", "      |            ^^^^^"]


def test_a_value_that_is_wrong_later_points_into_the_option(tiny: Path) -> None:
    result = run("summary", tiny, "--set", "width=1 / 3")
    assert result.exit_code == 1
    assert f"{tiny}:5:" in result.stderr


def test_diff_and_report_say_which_spec_is_not_there() -> None:
    result = run("diff", "resnet50", "resnet5")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "resnet5: error: there is no bundled spec and no file 'resnet5'"
