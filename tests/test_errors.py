"""Every mistake has its text: each file of `errors` ends with the diagnostics that it gets, as lines that begin with #|."""

from __future__ import annotations

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
