"""Files with names that are no text, have line breaks or are too long; and paths that are no files."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import archspec
from archspec import files
from archspec.cli.output import OutputFile
from tests.cli.conftest import TINY, WRONG
from tests.cli.surface import commands, run, words, write_spec
from tests.cli.test_hostile_text import safe
from tests.faults import always, failing
from tests.processes import open_endless_pipe

NAMES = [
    name
    for name, command in commands().items()
    if name != "import" and any(isinstance(one, click.Argument) and one.required for one in command.params)
]
ODD = [
    b"\xff\xfe.yaml",
    b"line\nbreak.yaml",
    b"esc\x1b[2J.yaml",
    b"{braces}.yaml",
    b"  {a: b}.yaml",
    b"- dash.yaml",
    "网络.yaml".encode(),
]
LONG = "n" * 300 + ".yaml"
linux = pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")


def output(name: str, folder: Path) -> list[str]:
    """The option -o, if a command needs it."""
    needed = any(isinstance(one.type, OutputFile) and one.required for one in commands()[name].params)
    return (
        ["-o", str(folder / ("out.yaml" if name in {"decompile", "lesion", "import"} else "out.pt"))] if needed else []
    )


@linux
@pytest.mark.parametrize("file", ODD, ids=ascii)
def test_a_spec_may_be_called_anything(file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = os.fsdecode(file)
    Path(path).write_text(TINY, encoding="utf-8")
    if path.startswith("-"):
        path = f"./{path}"
    for line in (["summary"], ["check"], ["diff", path], ["pipeline"], ["draw", "-o", "-"], ["report", "-o", "-"]):
        result = run(*line, path)
        safe(result)
        assert result.exit_code == 0, result.stderr
    data = json.loads(run("check", path, "--json").stdout)
    assert data["files"][0]["file"] == path
    Path(path).write_text(WRONG, encoding="utf-8")
    result = run("check", path)
    safe(result)
    assert result.exit_code == 1
    assert json.loads(run("check", path, "--json").stdout)["files"][0]["diagnostics"][0]["file"].endswith(
        path.removeprefix("./")
    )


@linux
def test_a_picture_leads_to_the_bytes_of_the_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.yaml")
    path.write_text(TINY, encoding="utf-8")
    text = run("draw", path, "--format", "svg", "-o", "-").stdout
    assert 'href="./%FF.yaml#L' in text
    assert 'data-spec="\\xff.yaml"' in text


@linux
def test_a_lesion_of_a_file_that_no_spec_can_name(tmp_path: Path) -> None:
    path, out = tmp_path / os.fsdecode(b"\xff.yaml"), tmp_path / "out.yaml"
    path.write_text(TINY, encoding="utf-8")
    result = run("lesion", path, "--drop", "unit", "-o", out)
    assert (result.exit_code, out.exists()) == (2, False)
    assert "cannot be extended: its name is not UTF-8" in result.stderr
    base, odd = write_spec(tmp_path), tmp_path / os.fsdecode(b"\xff\n.yaml")
    assert run("lesion", base, "--drop", "body.1", "-o", odd).exit_code == 0
    assert archspec.load(odd).name == "\\xff\\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_that_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    out = output(name, tmp_path)
    (tmp_path / "file").touch()
    for spec, message in [
        (str(tmp_path / "missing.yaml"), "no such file"),
        (str(tmp_path), "this is a directory"),
        (str(tmp_path / LONG), "file name too long"),
        (LONG.removesuffix(".yaml"), "file name too long"),
        (str(tmp_path / "file" / "a.yaml"), "not a directory"),
        ("resnet5O", "there is no bundled spec"),
        ("", "got an empty"),
        ("name: a\ninput: [4]\nstages: {a: relu}", "expected a file, a bundled name or -, got the text"),
        ("{name: a, input: [4], stages: {a: relu}}", "expected a file, a bundled name or -, got the text"),
    ]:
        result = run(*words(name, spec), *out)
        assert (result.exit_code, message in result.stderr.lower()) == (2, True), (spec, result.output)
        assert result.stdout == ""
        safe(result)
        assert len(result.stderr.strip().splitlines()) <= 2, "one line, and one of help"
        assert max(map(len, result.stderr.splitlines())) < 400


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable for root")
def test_a_spec_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    path.chmod(0)
    assert "permission denied" in run("summary", path).stderr


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_disk_that_cannot_be_read(code: int, tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    with failing(always("fstat", code), module=files):
        result = run("summary", path)
    assert (result.exit_code, result.stderr) == (2, f"{path}: error: {os.strerror(code).lower()}\n")
    with failing(always("fstat", code), module=files):
        result = run("check", path, "resnet18")
    assert result.exit_code == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_spec_from_a_pipe_without_an_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    source = open_endless_pipe(pipe, b"a: 1\n" * 1000)
    result = run("check", pipe, "--max-bytes", "20000")
    assert (result.exit_code, "at most 20,000 bytes" in result.stderr) == (1, True)
    source.join(10)
    assert not source.is_alive()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a device without an end")
def test_devices_are_no_specs() -> None:
    assert run("check", "/dev/zero", "--max-bytes", "20000").exit_code == 1
    assert run("check", "/dev/null").exit_code == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a shell of Unix")
def test_standard_input_that_is_closed() -> None:
    line = f"{shlex.quote(sys.executable)} -m archspec check - <&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (2, "-: error: standard input: Bad file descriptor\n\n")


# -- several files --------------------------------------------------------------------------------------------------


def test_check_goes_on_after_a_file_that_is_not_there(tiny: Path, wrong: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone.yaml"
    result = run("check", tiny, gone, wrong, tmp_path)
    assert result.exit_code == 2
    assert result.stdout == "4 checked, 3 wrong\n"
    assert f"{wrong}:5:10: error: " in result.stderr
    assert f"{gone}: error: there is no such file" in result.stderr
    assert f"{tmp_path}: error: a spec is a file, this is a directory" in result.stderr
    data = json.loads(run("check", tiny, gone, wrong, "--json").stdout)
    assert [(len(one["diagnostics"]), "error" in one) for one in data["files"]] == [(0, False), (1, True), (1, False)]
    assert data["ok"] is False
    assert run("check", wrong, tiny).exit_code == 1
    assert run("check", tiny, tiny).exit_code == 0
    assert run("check", "-", "-").exit_code == 2


# -- weights --------------------------------------------------------------------------------------------------------


@linux
def test_weights_may_be_called_anything(tmp_path: Path) -> None:
    spec, path = write_spec(tmp_path), tmp_path / os.fsdecode(b"\xff\n\x1b[2J.safetensors")
    assert run("build", spec, "-o", path).exit_code == 0
    result = run("build", spec, "--weights", path, "--device", "cpu")
    assert result.exit_code == 0
    result = run("build", spec, "--weights", path, "-o", tmp_path / "b.safetensors")
    safe(result)
    assert result.exit_code == 0
    for other in (tmp_path / "missing\x1b[2J\n", tmp_path, tmp_path / LONG):
        result = run("build", spec, "--weights", other, "--device", "cpu")
        safe(result)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.stderr
