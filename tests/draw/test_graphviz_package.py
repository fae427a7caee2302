"""`to_graphviz` gives a `graphviz.Source` of the DOT that `archspec draw` writes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import archspec
from tests.cli.surface import run


@pytest.mark.parametrize(("detail", "theme"), [("stages", "light"), ("blocks", "dark"), ("layers", "print")])
def test_its_text_is_that_of_the_command(detail: archspec.Detail, theme: str, tmp_path: Path) -> None:
    graphviz = pytest.importorskip("graphviz")
    source = archspec.load("resnet18").to_graphviz(detail, theme=theme, direction="LR")  # type: ignore[arg-type]
    path = tmp_path / "a.dot"
    assert run("draw", "resnet18", "--detail", detail, "--theme", theme, "--direction", "LR", "-o", path).exit_code == 0
    assert isinstance(source, graphviz.Source)
    assert source.source == path.read_text(encoding="utf-8")
    assert source.save(directory=tmp_path) == str(tmp_path / "resnet18.gv")


def test_any_version_of_the_package_gets_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    package = SimpleNamespace(Source=lambda text, filename: (text, filename))
    monkeypatch.setitem(sys.modules, "graphviz", package)
    text, filename = archspec.load({"name": "a/b", "input": [4], "stages": {"a": "relu"}}).to_graphviz()
    assert (text.startswith('digraph "a/b" {'), filename) == (True, "a_b.gv")


def test_without_the_package_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(
        archspec.UnavailableError, match=r"to_graphviz needs graphviz, which .*'archspec-nn\[graphviz\]'"
    ):
        archspec.load("resnet18").to_graphviz()
