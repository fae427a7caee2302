"""Generated pages and pictures are current, and the examples of the documentation work."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import archspec
from archspec.cli.commands import archspec as command
from tests.sample import sampled

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "made", "path"),
    [
        ("front", "picture", "PICTURE"),
        ("reference", "page", "PAGE"),
        ("zoo", "index", "INDEX"),
        ("api", "page", "PAGE"),
        ("gallery", "page", "PAGE"),
    ],
)
def test_what_is_made_from_the_code_is_current(name: str, made: str, path: str) -> None:
    module = script(name)
    assert getattr(module, path).read_text(encoding="utf-8") == getattr(module, made)(), f"run: python docs/{name}.py"


FAMILIES = sorted({entry.family for entry in archspec.load_zoo()})


@pytest.mark.parametrize("family", sampled(FAMILIES, {"ConvNeXt", "LSTM", "Others"}))
def test_the_page_of_a_family_is_current(family: str) -> None:
    zoo = script("zoo")
    assert zoo.find_page(family).read_text(encoding="utf-8") == zoo.page(family), "run: python docs/zoo.py"


def test_every_family_has_a_page_and_no_page_is_stale() -> None:
    zoo = script("zoo")
    assert set(zoo.FOLDER.glob("*.md")) == {zoo.find_page(family) for family in FAMILIES}


def test_the_gallery_is_current() -> None:
    module = script("gallery")
    made = dict(module.pictures())
    assert {path.name for path in module.PICTURES.glob("*")} == set(made)
    for name, text in made.items():
        assert (module.PICTURES / name).read_text(encoding="utf-8") == text, "run: python docs/gallery.py"


@pytest.mark.parametrize("text", re.findall(r"```yaml\n((?:name|extends):.*?)```", README, re.DOTALL))
def test_the_specs_of_the_readme_are_networks(text: str) -> None:
    assert archspec.check(text) == ()


def test_the_python_of_the_readme_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - our own text
    assert "features" in capsys.readouterr().out


def test_the_commands_of_the_readme_say_what_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    commands = re.findall(r"```console\n\$ archspec (.*?)\n(.*?)```", README, re.DOTALL)
    assert len(commands) == 3
    for arguments, answer in commands:
        assert CliRunner().invoke(command, arguments.split()).output == answer, arguments


def test_links_lead_somewhere() -> None:
    for page in (path for path in ROOT.glob("**/*.md") if ".venv" not in path.parts):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_commands_of_the_page_on_paths_say_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "paths.md").read_text(encoding="utf-8")
    (chain, damaged) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    Path("chain.yaml").write_text(chain, encoding="utf-8")
    commands = re.findall(r"```console\n\$ archspec (.*?)\n(.*?)```", page, re.DOTALL)
    assert len(commands) > 5
    for arguments, answer in commands:
        assert CliRunner().invoke(command, arguments.split()).output == answer, arguments
    assert Path("damaged.yaml").read_text(encoding="utf-8") == damaged


def test_the_python_of_the_page_on_modules_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "module.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for code in blocks:
        exec(code, names)  # noqa: S102 - our own text


def test_the_commands_of_the_page_on_several_machines_say_what_stands_there() -> None:
    page = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
    commands = re.findall(r"```console\n\$ archspec (.*?)\n(.*?)```", page, re.DOTALL)
    assert len(commands) == 2
    for arguments, answer in commands:
        assert CliRunner().invoke(command, arguments.split()).output == answer, arguments


def test_the_page_on_experiments_has_commands_specs_and_pictures_that_are_there() -> None:
    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ archspec (.*)$", page, re.MULTILINE)
    assert len(commands) >= 10
    for line in commands:
        chosen: click.Command = command
        words = shlex.split(line)
        while isinstance(chosen, click.Group):
            chosen = chosen.get_command(click.Context(chosen), words.pop(0)) or command
        found = chosen.make_context("archspec", words).params
        for spec in (found["spec"], *(spec for spec, _ in found.get("beside", ()))):
            assert archspec.check(ROOT / spec) == ()
        if "beside" in found:
            assert f"images/experiments/{found['output']}" in page
    pictures = (ROOT / "docs" / "images" / "experiments").glob("*")
    assert [path.name for path in pictures if f"images/experiments/{path.name}" not in page] == []


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
METADATA = re.compile(r"archspec\.(name|spec|sha256|(?:set|input)\.\w+|format|digest|optimized|schema\.json)\b(?!\.\w)")
"""Metadata keys of weight files and a file name, which are no modules."""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_name_modules_and_files_that_there_are(page: Path) -> None:
    text = METADATA.sub("", page.read_text(encoding="utf-8"))
    for name in set(re.findall(r"(?<!@)\barchspec(?:\.[A-Za-z_]\w*)+", text)):
        if f"{name.replace('.', '/')}.py" not in INVENTED:
            pkgutil.resolve_name(name)
    for path in set(re.findall(r"\barchspec/[\w/]+(?:\.\w+)?", text)):
        assert (ROOT / path).exists() or path in INVENTED, path


INVENTED = {
    f"archspec/{name}.py" for name in ("passes/smooth", "analysis/intensity", "cli/commands/intensity", "draw/tgf")
}
"""Files that the recipes of CONTRIBUTING.md add."""


IDIOMS = dict(
    re.findall(
        r"^### (.*?)\n.*?^```yaml\n(.*?)^```",
        (ROOT / "docs" / "idioms.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


@pytest.mark.parametrize("title", IDIOMS)
def test_the_idioms_are_networks(title: str) -> None:
    assert archspec.check(IDIOMS[title]) == ()
    arch = archspec.load(IDIOMS[title])
    results = arch.try_out("cpu").results
    assert results == {name: (2, *sizes) for name, sizes in arch.output_shapes.items()}


def test_the_page_of_idioms_lists_all_of_them() -> None:
    page = (ROOT / "docs" / "idioms.md").read_text(encoding="utf-8")
    assert len(IDIOMS) >= 30
    assert page.count("\n### ") == len(IDIOMS) == page.count("](#")
