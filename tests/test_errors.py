"""Every mistake has its text: each file of `errors` ends with the diagnostics that it gets, as lines that begin with #|."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec

FOLDER = Path(__file__).parent / "errors"
FILES = sorted(FOLDER.glob("*.yaml"))


def parts(path: Path) -> tuple[str, str]:
    """The spec of a file, and the diagnostics that stand at its end."""
    spec: list[str] = []
    expected: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        (expected if line.startswith("#|") else spec).append(line)
    return "".join(f"{line}\n" for line in spec), "\n".join(line[3:] for line in expected)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The specs alone, without what is expected of them."""
    made = tmp_path_factory.mktemp("errors")
    for path in FOLDER.rglob("*.yaml"):
        target = made / path.relative_to(FOLDER)
        target.parent.mkdir(exist_ok=True)
        target.write_text(parts(path)[0], encoding="utf-8")
    return made


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_text(path: Path, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, expected = parts(path)
    monkeypatch.chdir(folder)
    found = "\n\n".join(map(str, archspec.check(path.name)))
    if request.config.getoption("--update-goldens"):
        written = "".join(f"#| {line}".rstrip() + "\n" for line in found.splitlines())
        path.write_text(spec + written, encoding="utf-8")
        expected = parts(path)[1]
    assert found, "nothing is wrong with it"
    assert [line.rstrip() for line in found.splitlines()] == expected.splitlines()


PACKAGE = Path(archspec.__file__).parent
READ = ("language/*.py", "ops/*.py", "passes/*.py", "expressions.py", "architecture.py")
REPORTING = frozenset(("report", "fail", "wrong", "error", "_error", "Diagnostic", "ShapeError", "ExpressionError"))
ELSEWHERE: dict[str, str] = {
    " has no value here": "said to the caller only: the language names the word itself",
    "the network has more than": "tests/test_hostile.py: it needs a network that cannot be foreseen",
    "language/maker.py: the network takes more than": "tests/test_hostile.py: by default, the budget of work ends first",
    "specs that extend one another": "tests/test_hostile.py makes the files",
    "is a path, and this spec has no file": "tests/language/test_documents.py: a text has no file",
    "cannot be read: there is no such file": "tests/test_hostile.py makes a link to itself",
    "language/__init__.py:  has no value": "tests/language/test_documents.py: it comes from outside",
    "cannot be read: it is no file": "tests/test_hostile.py makes a folder and a pipe",
    "is not UTF-8": "tests/test_hostile.py: bytes, not text",
    "a spec has at most": "tests/test_hostile.py: megabytes",
}


def templates(call: ast.Call, function: ast.AST) -> Iterator[tuple[str, ...]]:
    """The constant parts of each text that a call may report."""
    pending: list[ast.expr] = list(call.args[:1])
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield (part.value,)
        elif isinstance(part, ast.JoinedStr):
            yield tuple(str(one.value) for one in part.values if isinstance(one, ast.Constant))
        elif isinstance(part, ast.IfExp):
            pending += [part.body, part.orelse]
        elif isinstance(part, ast.Name):
            pending += [
                node.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and any(ast.unparse(target) == part.id for target in node.targets)
            ]


def reported() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text in the source that can become a diagnostic, with its place."""
    for file in sorted(file for pattern in READ for file in PACKAGE.glob(pattern)):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in REPORTING:
                    for parts in templates(call, function):
                        yield f"{file.relative_to(PACKAGE)}: {'…'.join(parts)}", parts


TEXTS = dict(reported())


def test_the_walk_finds_the_texts() -> None:
    assert len(TEXTS) > 100


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_has_a_mistake_that_shows_it(text: str) -> None:
    pattern = re.compile(".*".join(map(re.escape, TEXTS[text])))
    shown = any(pattern.search(line) for path in FILES for line in parts(path)[1].splitlines() if ": error: " in line)
    reason = next((reason for part, reason in ELSEWHERE.items() if part in text), None)
    assert shown or reason, "write a file of tests/errors that shows it"
    assert not (shown and reason), "it is shown: take it off the list"
