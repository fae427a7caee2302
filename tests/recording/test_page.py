"""The examples of docs/import.md say what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import archspec
from archspec.cli.commands import archspec as command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the models of the page."""
    for name, code in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    return tmp_path


@pytest.mark.parametrize("model", ["residual.py", "spectral.py"])
def test_the_commands_say_what_stands_there(model: str, folder: Path) -> None:
    ((arguments, answer),) = re.findall(rf"```console\n\$ archspec (import {model}.*?)\n(.*?)```", PAGE, re.DOTALL)
    result = CliRunner().invoke(command, arguments.split())
    assert sorted(result.output.splitlines()) == sorted(answer.splitlines())
    assert (folder / "net.yaml").exists() == (result.exit_code == 0)


def test_the_spec_of_the_page_is_what_is_written(folder: Path) -> None:
    (text,) = re.findall(r"```yaml\n(name: net\n.*?)```", PAGE, re.DOTALL)
    result = CliRunner().invoke(command, ["import", "residual.py:Net", "--input", "3,32,32", "--no-proof", "-o", "-"])
    assert result.stdout == text
    assert archspec.check(text) == ()


def test_the_front_page_shows_the_text_that_is_written() -> None:
    assert f"```yaml\n{(GOLDENS / 'resnet50.yaml').read_text(encoding='utf-8')}```" in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_first_example_of_the_page_is_part_of_what_is_written() -> None:
    (text,) = re.findall(r"```yaml\n(blocks:\n.*?)```", PAGE, re.DOTALL)
    written = (GOLDENS / "densenet121.yaml").read_text(encoding="utf-8")
    assert text in written
    assert f"The spec has {sum(bool(line.strip()) for line in written.splitlines())} lines" in PAGE
