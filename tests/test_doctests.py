"""The examples in docstrings run with the shown results, and every public name has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from tests.test_docs import script

PACKAGE = Path(archspec.__file__).parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NEED_TORCH = ("archspec.codegen.fx", "archspec.experiments")
API = script("api")


def module_name(path: Path) -> str:
    return ".".join(("archspec", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def list_docstrings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every string statement with its line: docstrings, also of attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield inspect.cleandoc(node.value.value), node.lineno


def list_examples(path: Path) -> list[tuple[str, int]]:
    source = path.read_text(encoding="utf-8")
    return [found for found in list_docstrings(ast.parse(source)) if ">>>" in found[0]] if ">>>" in source else []


def run_examples(path: Path, text: str, line: int, names: dict[str, object]) -> str:
    """Runs the examples of one docstring and returns the differences."""
    example = doctest.DocTestParser().get_doctest(text, names, path.name, str(path), line)
    written: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=written.append)
    return "".join(written)


@pytest.mark.parametrize(
    "path", [path for path in sorted(PACKAGE.rglob("*.py")) if list_examples(path)], ids=module_name
)
def test_the_examples_of_a_module_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = module_name(path)
    if name.startswith(NEED_TORCH):
        pytest.importorskip("torch", reason=f"the examples of {name} need torch")
    monkeypatch.chdir(tmp_path)
    names = vars(importlib.import_module(name))
    assert [run_examples(path, text, line, dict(names)) for text, line in list_examples(path)] == [""] * len(
        list_examples(path)
    )


def test_an_example_that_says_something_else_is_found(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text('def f():\n    """.\n\n    >>> 1 + 1\n    3\n    """\n', encoding="utf-8")
    ((text, line),) = list_examples(tmp_path / "wrong.py")
    assert "Got:\n    2" in run_examples(tmp_path / "wrong.py", text, line, {})


@pytest.mark.parametrize("module", API.MODULES)
def test_every_public_name_has_an_example(module: str) -> None:
    names = dict(API.list_public(importlib.import_module(module)))
    assert [name for name, member in names.items() if ">>>" not in (member.__doc__ or "")] == []


def test_every_method_of_the_face_has_an_example() -> None:
    documented = {name: inspect.getdoc(member) or "" for name, member in API.list_members(archspec.Architecture)}
    assert len(documented) > 20
    assert [name for name, text in documented.items() if ">>>" not in text] == []
