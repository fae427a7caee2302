"""The examples of docs/import.md say what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import archspec
from archspec.cli.commands import archspec as command

PAGE = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")


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
