"""The exact diagnostics of mistakes, and that their advice works.

Each file of `errors` ends with its diagnostics, as lines that begin with `#|`. A file with a `help:` has before them the lines that
follow the advice: `#+ 4| text` replaces line 4, the next `#+ 4|` adds a line after it, and an empty one removes the line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import archspec

FOLDER = Path(__file__).parent / "errors"
FILES = sorted(FOLDER.glob("*.yaml"))


@dataclass(frozen=True)
class Mistake:
    """A file of `errors`: the spec, the lines that correct it, and its diagnostics."""

    spec: str
    corrections: tuple[str, ...]
    expected: str

    def corrected(self) -> str:
        """The spec with the advice followed."""
        lines: list[list[str]] = [[line] for line in self.spec.splitlines()]
        changed: set[str] = set()
        for correction in self.corrections:
            number, _, text = correction.removeprefix("#+ ").partition("|")
            line = lines[int(number) - 1]
            if number not in changed:
                line.clear()
            changed.add(number)
            line += [text.removeprefix(" ")] if text.strip() else []
        return "".join(f"{line}\n" for group in lines for line in group)


def read(path: Path) -> Mistake:
    lines = path.read_text(encoding="utf-8").split("\n")
    lines = lines[:-1] if not lines[-1] else lines
    spec = [line for line in lines if not line.startswith(("#|", "#+"))]
    corrections = tuple(line for line in lines if line.startswith("#+"))
    return Mistake(
        "".join(f"{line}\n" for line in spec),
        corrections,
        "\n".join(line[3:] for line in lines if line.startswith("#|")),
    )


MISTAKES = {path: read(path) for path in FILES}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the specs alone."""
    made = tmp_path_factory.mktemp("errors")
    for path in FOLDER.rglob("*.yaml"):
        target = made / path.relative_to(FOLDER)
        target.parent.mkdir(exist_ok=True)
        target.write_text(read(path).spec, encoding="utf-8")
    return made


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_text(path: Path, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake = MISTAKES[path]
    expected = mistake.expected
    monkeypatch.chdir(folder)
    found = "\n\n".join(map(str, archspec.check(path.name)))
    if request.config.getoption("--update-goldens"):
        written = "".join(f"#| {line}".rstrip() + "\n" for line in found.splitlines())
        path.write_text(mistake.spec + "".join(f"{line}\n" for line in mistake.corrections) + written, encoding="utf-8")
        expected = read(path).expected
    assert found, "nothing is wrong with it"
    assert [line.rstrip() for line in found.splitlines()] == expected.splitlines()


UNCORRECTED: dict[str, str] = {
    "embedding-input-computed-with": "another input is another network",
    "several-shapes": "the files of each mistake have their corrections",
    "blocks-too-large": "a limit is raised by an option",
    "extends-fault-in-base": "the mistake is in the other file",
    "multiply-several-places": "which axes they are only the author knows",
    "network-without-spec": "which network it is only the author knows",
    "nest-too-large": "a limit is raised by an option",
    "reader-anchor-only": "there is nothing of a spec in it",
    "work-too-much": "a limit is raised by an option",
    "work-unforeseen": "a limit is raised by an option",
}
"""Files whose advice is not about the text of the spec."""
FREE = frozenset(("other", "a", "network", "one", "relu", "identity", "base", "plain"))
"""Words that a correction may choose: a name, a layer in place of `…`, a file."""
ADVISED = [path for path in FILES if "   help: " in MISTAKES[path].expected and path.stem not in UNCORRECTED]


@pytest.mark.parametrize("path", ADVISED, ids=lambda path: path.stem)
def test_the_advice_works(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corrected spec has no diagnostics, and all its new words are in the advice."""
    mistake = MISTAKES[path]
    assert mistake.corrections, "write what the spec is with the advice followed: #+ line| text"
    monkeypatch.chdir(folder)
    target = folder / f"corrected-{path.name}"
    target.write_text(mistake.corrected(), encoding="utf-8")
    assert "\n\n".join(map(str, archspec.check(target.name))) == ""
    advice = " ".join(line for line in mistake.expected.splitlines() if line.startswith("   help: "))
    assert words(mistake.corrected()) - words(mistake.spec) - words(advice) <= FREE


def words(text: str) -> set[str]:
    """The words of a text, except those after a dot."""
    return set(re.findall(r"(?<![.\w])[A-Za-z_]\w*", text))


PACKAGE = Path(archspec.__file__).parent
READ = ("spec/*.py", "ops/*.py", "passes/*.py", "architecture.py")
REPORTING = frozenset(
    ("report", "warn", "raise_spec_error", "error", "_extends_error", "Diagnostic", "ShapeError", "ExpressionError")
)
ELSEWHERE: dict[str, str] = {
    " has no value here": "said to the caller only: the language names the word itself",
    "the network takes more than": "tests/test_hostile.py: layers that cannot be foreseen",
    "the network has more than": "tests/test_hostile.py: it needs a network that cannot be foreseen",
    "spec/node_builder.py: the network takes more than": "tests/test_hostile.py: by default, the budget of work ends first",
    "specs that extend one another": "tests/test_hostile.py makes the files",
    "networks inside one another": "tests/spec/test_networks.py makes the files",
    "is a path, and this spec has no file": "tests/spec/test_documents.py: a text has no file",
    "cannot be read: there is no such file": "tests/test_hostile.py makes a link to itself",
    "whatever its value": "tests/spec/test_unused.py: it comes from outside",
    "spec/stages.py:  has no value": "tests/spec/test_documents.py: it comes from outside",
    "cannot be read: it is no file": "tests/test_hostile.py makes a folder and a pipe",
    "is not UTF-8": "tests/test_hostile.py: bytes, not text",
    "a spec has at most": "tests/test_hostile.py: megabytes",
    "spec/input_override.py": "tests/spec/test_input_override.py: it is about what is given, not about a text",
    "spec/resized_inputs.py": "the same",
}


def templates(parts: Iterable[ast.expr], scope: ast.AST, module: ast.Module) -> Iterator[tuple[str, ...]]:
    """The constant parts of each text that these expressions may give."""
    pending, seen = list(parts), set()
    while pending:
        part = pending.pop()
        match part:
            case ast.Constant(value=str(text)):
                yield (text,)
            case ast.JoinedStr(values=values):
                yield tuple(str(one.value) for one in values if isinstance(one, ast.Constant))
            case ast.IfExp(body=body, orelse=other):
                pending += [body, other]
            case ast.BoolOp(values=values):
                pending += values
            case ast.Name(id=name) if name not in seen:
                seen.add(name)
                pending += [value for place in (scope, module) for value in assigned(place, name)]


def assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    """The expressions assigned to a name in a function or module."""
    nodes = scope.body if isinstance(scope, ast.Module) else ast.walk(scope)
    for node in nodes:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == name for target in node.targets):
            yield node.value


def functions() -> Iterator[tuple[Path, ast.Module, ast.FunctionDef]]:
    for file in sorted(file for pattern in READ for file in PACKAGE.glob(pattern)):
        module = ast.parse(file.read_text(encoding="utf-8"))
        yield from ((file, module, node) for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def reported() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text in the source that can become a diagnostic, with its location."""
    for file, module, function in functions():
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in REPORTING:
                for parts in templates(call.args[:1], function, module):
                    yield f"{file.relative_to(PACKAGE)}: {'…'.join(parts)}", parts


ADVISING = ("advise", "suggest", "describe_form")


def advised() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text in the source that can become the `help:` of a diagnostic, with its location."""
    for file, module, function in functions():
        parts: list[ast.expr] = []
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                parts += [keyword.value for keyword in node.keywords if keyword.arg == "help"]
                parts += node.args[2:3] if ast.unparse(node.func).endswith(("report", "_extends_error")) else []
            elif (
                isinstance(node, ast.Return)
                and node.value is not None
                and function.name.lstrip("_").startswith(ADVISING)
            ):
                parts.append(node.value)
        for text in templates(parts, function, module):
            if "".join(text).strip():
                yield f"{file.relative_to(PACKAGE)}: {'…'.join(text)}", text


TEXTS = dict(reported())
ADVICE = dict(advised())
ADVISED_ELSEWHERE: dict[str, str] = {
    "spec/source_lookup.py": "tests/spec/test_given.py: it is about what is given, not about a text",
    "spec/yaml_writer.py": "the same",
    "spec/input_override.py": "tests/spec/test_input_override.py: it is about what is given, not about a text",
    "spec/resized_inputs.py": "the same",
    "the input is no argument": "the same",
    "passes/contract.py": "tests/passes/test_contract.py: no spec can make a pass break its contract",
    "extend a bundled spec by its name": "tests/spec/test_documents.py: a text has no file",
    "save the file as UTF-8 text": "tests/test_hostile.py: bytes, not text",
}


def test_the_walk_finds_the_texts() -> None:
    assert len(TEXTS) > 100
    assert len(ADVICE) > 100


def test_every_text_has_a_mistake_that_shows_it() -> None:
    lines = [line for line in list_expected_lines() if re.search(": (error|warning): ", line)]
    assert find_missing(TEXTS, ELSEWHERE, lines) == ([], [])


def test_every_advice_has_a_mistake_that_shows_it() -> None:
    """With `test_the_advice_works`, every advice is followed in a spec."""
    lines = [line for line in list_expected_lines() if line.startswith("   help: ")]
    missing, _ = find_missing(ADVICE, ADVISED_ELSEWHERE, lines)  # a mistake may also show what is about a file
    assert missing == []


def list_expected_lines() -> list[str]:
    return [line for mistake in MISTAKES.values() for line in mistake.expected.splitlines()]


def find_missing(
    texts: Mapping[str, Iterable[str]], elsewhere: Mapping[str, str], lines: list[str]
) -> tuple[list[str], list[str]]:
    """The texts without a file of `errors` that shows them, and those that have one and are said to be tested elsewhere."""
    text = "\n".join(lines)
    shown = {name for name, parts in texts.items() if re.search(".*".join(map(re.escape, parts)), text)}
    listed = {name for name in texts if any(part in name for part in elsewhere)}
    return sorted(texts.keys() - shown - listed), sorted(shown & listed)
