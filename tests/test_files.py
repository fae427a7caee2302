"""A file is written whole or not at all."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from archspec.files import same, write
from tests.processes import ROOT


def test_new_and_old_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    write(path, "one ×\n")
    assert path.read_bytes() == "one ×\n".encode()
    path.chmod(0o640)
    write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_permissions_of_any(tmp_path: Path) -> None:
    write(tmp_path / "a", "")
    (tmp_path / "b").write_text("", encoding="utf-8")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "b"
    path.write_text("old", encoding="utf-8")
    link.symlink_to(path)
    write(link, "new")
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == "new"
    assert same(path, link)
    assert not same(path, tmp_path / "c")


def test_what_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def machine_encodings(code: str) -> list[int]:
    """The lines at which text is read or written in whatever encoding the machine has."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    given = [(call, {keyword.arg for keyword in call.keywords}) for call in calls]
    return [call.lineno for call, keywords in given if "encoding" not in keywords and _is_text(call, keywords)]


def _is_text(call: ast.Call, keywords: set[str | None]) -> bool:
    match call.func:
        case ast.Attribute(attr="read_text" | "write_text") | ast.Name(id="open"):
            return True
        case ast.Attribute(attr="run" | "Popen"):
            return "text" in keywords
    return False


@pytest.mark.parametrize(
    "code", ["p.read_text()", "p.write_text('x')", "open('x')", "subprocess.run(['x'], text=True)"]
)
def test_the_encoding_of_the_machine_is_found(code: str) -> None:
    assert machine_encodings(code) == [1]


@pytest.mark.parametrize("folder", ["archspec", "benchmarks", "docs", "examples", ".ci"])
def test_text_is_utf_8_on_every_machine(folder: str) -> None:
    files = (ROOT / folder).rglob("*.py")
    found = {str(file): machine_encodings(file.read_text(encoding="utf-8")) for file in files}
    assert {file: lines for file, lines in found.items() if lines} == {}
