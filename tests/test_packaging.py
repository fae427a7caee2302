"""constraints.txt pins the dependencies of pyproject.toml, and the commands of CONTRIBUTING.md work."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_NAME = re.compile(r"[\w-]+")


def _asked() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        for requirement in group:
            yield _normal(requirement)


def _normal(requirement: str) -> str:
    found = _NAME.match(requirement)
    assert found, requirement
    return found[0].lower().replace("_", "-")


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {_normal(name): version for name, version in pairs}


@pytest.mark.parametrize("name", sorted(set(_asked()) - {"archspec-nn"}))
def test_every_dependency_is_pinned(name: str) -> None:
    assert name in _pins()


def test_no_pin_names_a_build_of_torch() -> None:
    assert "+" not in "".join(_pins().values())


def test_make_finds_torch_first() -> None:
    """So that no dependency of another package chooses another build of torch."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    first = makefile.index("$(INSTALL) torch")
    assert all(first < match.start() for match in re.finditer(r"\$\(INSTALL\) --editable", makefile))
