"""Numbers on the command line that no machine counts with are refused, by every option of every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from archspec.cli.commands import archspec
from archspec.cli.numbers import Integer, Limit, RealNumber, WholeNumber
from archspec.files import read_most
from tests.cli.surface import iter_commands, run, words, write_spec

REFUSED = {
    Integer: ["1" + "0" * 30, "-1" + "0" * 30, "9223372036854775808"],
    Limit: ["1" + "0" * 30, "9223372036854775808"],
    WholeNumber: ["1" + "0" * 30, "2147483648"],
    RealNumber: ["nan", "-inf", "1e999"],
}
OPTIONS = [(name, option) for name, command in iter_commands(archspec, ()) for option in command.params]


def _cases() -> Iterator[tuple[str, str, str]]:
    for name, option in OPTIONS:
        for value in REFUSED.get(type(option.type), []):
            if not (value == "1e999" and getattr(option.type, "infinite", False)):
                yield name, option.opts[0], value


def test_no_option_takes_any_number() -> None:
    number = (click.types.IntParamType, click.types.FloatParamType)
    loose = [(name, option.opts[0]) for name, option in OPTIONS if isinstance(option.type, number) and type(option.type) not in REFUSED]  # fmt: skip
    assert loose == []
    assert {type(option.type) for _, option in OPTIONS} >= set(REFUSED)


@pytest.mark.parametrize(("name", "option", "value"), list(_cases()))
def test_no_number_is_a_traceback(name: str, option: str, value: str, tmp_path: Path) -> None:
    line = name.split() if name.startswith("sweep") else words(name, tmp_path / "missing.yaml")
    result = run(*line, f"{option}={value}")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    assert "expected" in result.stderr or "is not in the range" in result.stderr


def test_the_largest_numbers_that_are_taken(tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    for line in (
        ["summary", "--max-bytes", "9223372036854775807", "--depth", "9223372036854775807"],
        ["count-paths", "--list", "9223372036854775807"],
        ["lesion", "--random", "1", "--seed", "-9223372036854775807", "-o", tmp_path / "out.yaml"],
    ):
        assert run(line[0], spec, *line[1:]).exit_code == 0
    full = run("build", spec, "--batch", "2147483647")
    assert (full.exit_code, "do not fit into the memory" in full.stderr) == (2, True)
    wide = run("build", spec, "--batch", "2147483647", "--input", "1,65536,65536")
    assert (wide.exit_code, "do not fit into the memory" in wide.stderr) == (2, True)


def test_a_limit_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    with (tmp_path / "file").open("rb") as file:
        assert [len(read_most(file, most)) for most in (0, 5, 2_000_000, 2**62)] == [0, 5, 2_000_000, 999_995]


@pytest.mark.parametrize("names", ["", ",", " , "])
def test_outputs_without_a_name_are_refused(names: str, tmp_path: Path) -> None:
    result = run("summary", write_spec(tmp_path), "--outputs", names)
    assert result.exit_code == 2
    assert "expected names of parts, such as layer2,layer4, got none" in result.stderr
