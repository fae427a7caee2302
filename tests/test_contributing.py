"""Follows the recipes of CONTRIBUTING.md to the letter."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import archspec
from archspec import formats
from archspec.ir.shape import Shape
from archspec.network import Network
from archspec.ops import activation
from archspec.ops.base import Op
from archspec.passes import Pass, PassError
from archspec.spec import bundled
from tests.passes import test_fixtures

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(recipe: int, language: str) -> list[str]:
    """The code blocks of a language in a recipe."""
    text = TEXT.partition(f"## Recipe {recipe}:")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def block(recipe: int, language: str) -> str:
    """The only code block of a language in a recipe."""
    (found,) = blocks(recipe, language)
    return found


def test_the_op_of_the_recipe_is_torchs() -> None:
    names: dict[str, Any] = dict(vars(activation))
    exec(block(1, "python"), names)  # noqa: S102 - our own text
    word: type[Op] = names["Softplus"]
    (call,) = word.model_validate({"sharpness": 2}).lower(Shape.of(4))
    module = getattr(torch.nn, call.target.rpartition(".")[2])(**call.options)
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(module(x), torch.log1p(torch.exp(2 * x)) / 2)
    assert word().lower(Shape.of(4))[0].options == {}


def test_the_pass_of_the_recipe_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_module(block(3, "python"))
    smooth: Pass = names["smooth"]
    assert smooth.arguments.model_validate({}).model_dump() == {"activation": "silu"}
    assert smooth.__doc__ is not None
    example = doctest.DocTestParser().get_doctest(smooth.__doc__, names, "smooth", None, None)
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(failed=0, attempted=4)
    before = archspec.load("resnet18").graph
    words = [node.op.word for node in before.ops]
    after = smooth(before, activation="gelu")
    assert [node.op.word for node in after.ops] == ["gelu" if word == "relu" else word for word in words]
    assert [node.path for node in after.ops] == [node.path for node in before.ops]
    with pytest.raises(PassError, match="smooth needs a relu to replace, this network has none"):
        smooth(after)
    monkeypatch.setitem(test_fixtures.BY_NAME, "smooth", smooth)
    (tmp_path / "smooth.yaml").write_text(block(3, "yaml"), encoding="utf-8")
    fixture = test_fixtures.read_fixture(tmp_path / "smooth.yaml")
    arch = archspec.load(fixture.spec)
    changed = smooth(arch.graph, **fixture.arguments)
    assert "#| %2 = gelu %1: 4×6×6  body.relu\n" in test_fixtures.show_change(arch.graph, changed)
    test_fixtures.check_outputs(fixture, arch, changed)


def test_the_network_of_the_recipe_is_the_bundled_one() -> None:
    assert block(2, "yaml") == (bundled.find_bundled_folder() / "squeezenet1_1.yaml").read_text(encoding="utf-8")


def run_module(code: str) -> dict[str, Any]:
    """The names of a module with this text, which dataclasses look up by its name."""
    module = ModuleType("recipe")
    sys.modules["recipe"] = module
    exec(code, module.__dict__)  # noqa: S102 - our own text
    return module.__dict__


def test_the_analysis_of_the_recipe_is_a_method_and_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    analysis, method, command = blocks(4, "python")
    names = run_module(analysis)
    (example,) = doctest.DocTestFinder().find(names["measure_intensity"], "measure_intensity", globs=names)
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(failed=0, attempted=2)
    arch = archspec.load("resnet18")
    result = names["measure_intensity"](arch.graph)
    assert result.macs == arch.macs
    assert result.moved > arch.params
    monkeypatch.setitem(sys.modules, "archspec.analysis.intensity", sys.modules["recipe"])
    members: dict[str, Any] = {"Intensity": names["Intensity"]}
    exec(inspect.cleandoc(f"\n{textwrap.dedent(method)}"), members)  # noqa: S102 - our own text
    monkeypatch.setattr(Network, "intensity", members["intensity"], raising=False)
    made: dict[str, Any] = {}
    exec(command, made)  # noqa: S102 - our own text
    output = CliRunner().invoke(made["command"], ["resnet18", "--json"]).output
    assert json.loads(output) == result.as_dict()


def test_the_format_of_the_recipe_is_written_by_its_ending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    writer, entry = blocks(5, "python")
    run_module(writer)
    monkeypatch.setitem(sys.modules, "archspec.draw.tgf", sys.modules["recipe"])
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, *eval(f"[{entry}]", {"Format": formats.Format})))  # noqa: S307 - our own text
    archspec.load("resnet18").save(tmp_path / "resnet18.tgf")
    boxes, _, edges = (tmp_path / "resnet18.tgf").read_text(encoding="utf-8").partition("#\n")
    named = {line.partition(" ")[0] for line in boxes.splitlines()}
    assert named == {word for line in edges.splitlines() for word in line.split()[:2]}
