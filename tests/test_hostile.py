"""A spec ends soon, in little memory and with a located diagnostic, whatever it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.language.limits import Limits
from tests import hostile

CASES = dict(hostile.cases())
SAID = {
    "50 MB": "a spec has at most 1,000,000 bytes",
    "keys": "no op, block, layer argument or named value",
    "100,000 keys": "a spec has at most 100,000 items",
    "latin-1": "byte 0xf6 is not UTF-8",
    "BOM and latin-1": "byte 0xf6 is not UTF-8",
    "NUL": "character U+0000 is not text",
    "alias bomb": "an anchor (&a0) is not part of the language",
    "doubling layer arguments": "more than 1,000,000 nodes",
    "doubling blocks of identities": "more than 5,000,000 layers",
    "deep blocks": "more than 500 layers inside one another",
    "cyclic default": "the block b0 uses itself",
    "line separators": ":4:8: error",
}
SECONDS = 2.0
BYTES = 500_000_000


def checked(path: Path) -> dict[str, Any]:
    """What a process of its own says of a file."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.hostile", str(path)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def assert_bounded(result: dict[str, Any]) -> None:
    assert result["found"], "nothing is wrong with it"
    for one in result["found"]:
        assert 1 <= one["line"] <= one["lines"] + 1
        assert one["column"] >= 1
        assert len(one["text"]) < 20_000
    assert result["seconds"] < SECONDS
    assert result["bytes"] < BYTES


@pytest.mark.parametrize("name", CASES)
def test_it_ends_with_a_diagnostic(name: str, tmp_path: Path) -> None:
    content = CASES[name]
    path = tmp_path / "hostile.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    result = checked(path)
    assert_bounded(result)
    assert SAID.get(name, "") in result["found"][0]["text"]


def chain(folder: Path, count: int, last: str) -> Path:
    """Specs each of which extends the next, and the last one `last`."""
    for at in range(count):
        target = f"{at + 1}.yaml" if at + 1 < count else last
        (folder / f"{at}.yaml").write_text(f"name: n{at}\nextends: {target}\n")
    return folder / "0.yaml"


@pytest.mark.parametrize(
    ("count", "last"),
    [(1, "0.yaml"), (3, "0.yaml"), (10_000, "0.yaml"), (1, "../../../../etc/passwd.yaml"), (1, "/etc/hosts.yaml"), (1, "link.yaml"),
     (1, "folder.yaml"), (1, "pipe.yaml"), (1, "x" * 100_000 + ".yaml"), (1, "loop.yaml")],
)  # fmt: skip
def test_extends_ends_and_stays_inside(count: int, last: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.yaml").write_text("name: secret\ninput: [3]\nstages: {one: relu}\n")
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "loop.yaml").symlink_to(inside / "loop.yaml")
    (inside / "folder.yaml").mkdir()
    os.mkfifo(inside / "pipe.yaml")
    result = checked(chain(inside, count, last))
    assert_bounded(result)
    text = result["found"][0]["text"]
    assert "secret" not in text
    assert any(said in text for said in ("extend", "outside", "cannot be read"))


def test_a_chain_within_the_limit_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("name: base\ninput: [3, 8, 8]\nstages: {one: relu}\n")
    assert archspec.load(chain(tmp_path, 15, "base.yaml")).name == "n0"


def test_limits_are_options() -> None:
    spec = "name: a\ninput: [3, 8, 8]\nstages: {one: {repeat: {times: 20, layers: [relu]}}}\n"
    assert len(list(archspec.load(spec, limits=Limits(nodes=21)).network.ops)) == 20
    with pytest.raises(archspec.SpecError, match="more than 19 nodes"):
        archspec.load(spec, limits=Limits(nodes=19))


def test_what_cannot_be_foreseen_stops_at_the_limit() -> None:
    spec = "name: a\ninput: [3, 8, 8]\nstages: {one: {repeat: {times: 1000 * channels, layers: [relu]}}}\n"
    with pytest.raises(archspec.SpecError, match="more than 100 nodes"):
        archspec.load(spec, limits=Limits(nodes=100))


def test_layers_inside_one_another_up_to_the_limit() -> None:
    blocks = "".join(f"  b{at}: [layers: [b{at - 1}]]\n" for at in range(1, 120))
    spec = f"name: a\ninput: [3, 8, 8]\nblocks:\n  b0: relu\n{blocks}stages: {{one: b119}}\n"
    assert len(list(archspec.load(spec).network.ops)) == 1
