"""All files are written by `archspec.files` and all output is printed by `Screen`, checked in the source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import archspec

PACKAGE = Path(archspec.__file__).parent
WRITERS = {"files.py", "temporary.py"}
READERS = {"experiments/image_sources.py"} | {
    f"codegen/fx/weight_files/{name}.py" for name in ("reading", "torch_zip", "writing")
}
"""Modules that only read files and make archives in memory, which `tests/codegen/test_weight_files.py` tests."""
SCREENS = {"cli/console.py", "cli/bars.py", "files.py"}

_METHODS = {"write_text", "write_bytes", "mkdir", "rename", "touch", "symlink_to", "hardlink_to", "savefig"}
_METHODS |= {"save", "save_file", "to_folder", "tofile", "dump", "serialize_file", "save_model", "to_file"}
_MODULES = {"tempfile", "shutil", "mmap", "sqlite3", "zipfile", "tarfile", "gzip"}
_SYSTEM = {"open", "fdopen", "replace", "rename", "mkdir", "makedirs", "truncate", "link", "symlink"}
_SAVED_TO_A_FILE = {"torch.export.save", "figure.savefig", "torch.save"}
"""Functions that write to the file of `files.replace_file`, or to memory."""

_SAVED_BY_THE_FACE = {"arch.save", "networks[0].save", "old.save", "result.after.save", "self.save"}
"""`Architecture.save`, which uses `archspec.files`."""

_PRINTED = ("click.echo", "click.secho", "click.style", "click.echo_via_pager", "click.get_text_stream", "print")


def writes(tree: ast.AST) -> Iterator[str]:
    """The calls of a module that write files, or might."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (name for name in names if name.partition(".")[0] in _MODULES)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if _is_write(name, node):
                yield ast.unparse(node)


def _is_write(name: str, call: ast.Call) -> bool:
    owner, _, method = name.rpartition(".")
    if owner == "os":
        return method in _SYSTEM and ast.unparse(call.args[0]) != "os.devnull"
    if method == "open":
        return len(call.args) <= 3 and _mode(call, at=0 if owner and owner != "io" else 1)
    if name in _SAVED_BY_THE_FACE:
        return False
    if name in _SAVED_TO_A_FILE:
        return ast.unparse(call.args[-1]) not in ("file", "buffer") and ast.unparse(call.args[0]) != "file"
    if (method == "save" and "safetensors" in owner) or (method == "dump" and len(call.args) < 2):  # to bytes, to text
        return False
    return owner not in ("", "super()") and method in _METHODS


def _mode(call: ast.Call, at: int) -> bool:
    """Whether a file is opened for writing; a mode that is no literal counts as writing."""
    given = [*call.args[at : at + 1], *(word.value for word in call.keywords if word.arg == "mode")]
    return any(
        not isinstance(mode, ast.Constant) or (isinstance(mode.value, str) and bool(set(mode.value) & set("wax+")))
        for mode in given
    )


def prints(tree: ast.AST) -> Iterator[str]:
    """The calls of a module that print by other means."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _PRINTED:
            yield ast.unparse(node)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr"):
            yield ast.unparse(node)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "rich":
            yield f"from {node.module}"


def found(look: Callable[[ast.AST], Iterator[str]], without: set[str]) -> dict[str, list[str]]:
    modules = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    calls = {name: list(look(ast.parse(path.read_text(encoding="utf-8")))) for name, path in modules.items()}
    return {name: list(all_) for name, all_ in calls.items() if all_ and name not in without}


def test_only_the_writer_writes() -> None:
    assert found(writes, WRITERS | READERS) == {}


def test_only_the_screen_prints() -> None:
    assert found(prints, SCREENS) == {}


@pytest.mark.parametrize(
    "code",
    [
        "Path(file).write_bytes(data)",
        "path.open('wb')",
        "open(path, mode)",
        "open(path, 'a')",
        "os.replace(a, b)",
        "import tempfile",
        "from shutil import copyfile",
        "torch.save(state, path)",
        "figure.savefig(path)",
        "safetensors.torch.save_file(tensors, path)",
        "json.dump(data, out)",
    ],
)
def test_the_proof_can_fail(code: str) -> None:
    assert list(writes(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["open(path, 'rb')", "path.open()", "graph.open(path, 'conv', {}, span, 0)", "text.replace(a, b)"]
)
def test_what_only_reads_is_let_through(code: str) -> None:
    assert list(writes(ast.parse(code))) == []


@pytest.mark.parametrize(
    "code", ["print(name)", "click.echo(name)", "sys.stdout.write(name)", "from rich.console import Console"]
)
def test_the_other_proof_can_fail(code: str) -> None:
    assert list(prints(ast.parse(code)))
