"""Files that commands write: atomically, refused before the work, and to pipes and devices too."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec
from archspec.files import name_file
from tests.cli.surface import commands, outputs, run, words, write_spec
from tests.faults import FAULTS, always, failing, nth

OUTPUTS = outputs()
CALLS = ("open", "stat", "write", "chmod", "fsync", "replace")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spec(tmp_path_factory.mktemp("spec"))


@pytest.fixture(scope="module")
def weights(spec: Path) -> Path:
    path = spec.with_name("row.safetensors")
    archspec.load(spec).save(path)
    return path


@pytest.fixture(scope="module")
def exported() -> Iterator[None]:
    """Makes torch export each network only once, as only the writing is tested."""
    programs: dict[str, Any] = {}

    def once(name: str, export: Any) -> Any:
        def cached(*args: Any, **kwargs: Any) -> Any:
            programs[name] = programs.get(name) or export(*args, **kwargs)
            return programs[name]

        return cached

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.export, "export", once("pt2", torch.export.export))
        patch.setattr(torch.onnx, "export", once("onnx", torch.onnx.export))
        yield


def test_every_command_that_writes_is_among_them() -> None:
    assert {name for name, _ in OUTPUTS} >= {"draw", "report", "build", "lesion", "train", "experiment lesion"}
    assert {ending for _, ending in OUTPUTS} >= {".svg", ".png", ".pdf", ".dot", ".html", ".py", ".pt2", ".onnx", ".pt"}
    for name, command in commands().items():
        for one in command.params:
            assert "-o" not in one.opts or hasattr(one.type, "endings"), f"{name} -o is looked at by nobody"


def _cases() -> Iterator[Any]:
    """An output of each command with two faults; and, marked slow, all outputs, also with all faults."""
    seen = set()
    for name, ending in OUTPUTS:
        quick = name.split()[0] not in seen
        seen.add(name.split()[0])
        yield pytest.param(name, ending, ("write", "replace"), marks=() if quick else pytest.mark.slow)
        yield pytest.param(name, ending, CALLS, marks=pytest.mark.slow)


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize(("name", "ending", "calls"), list(_cases()))
def test_a_fault_leaves_the_old_file_and_names_the_new_one(
    name: str, ending: str, calls: tuple[str, ...], weights: Path, tmp_path: Path
) -> None:
    spec, path = write_spec(tmp_path), tmp_path / f"out{ending}"
    line = [*words(name, spec, weights=weights), "-o", str(path), *(["--force"] if name == "lesion" else [])]
    with failing(short=True):
        assert run(*line).exit_code == 0
    whole = path.read_bytes()
    for number, call in enumerate(calls):
        path.write_bytes(b"old")
        with failing(always(call, FAULTS[number % len(FAULTS)])):
            result = run(*line)
        assert result.exit_code == 2, result.output
        lines = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
        said = next(line for line in lines if str(path) in line)  # an interrupted training warns of its checkpoint
        assert said.removeprefix("Error: ").startswith(str(path))
        assert os.strerror(FAULTS[number % len(FAULTS)]) in said
        assert path.read_bytes() == b"old"
        assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".archspec")] == []
    assert len(whole) > 20


@pytest.mark.parametrize(("name", "ending"), OUTPUTS)
def test_what_cannot_be_written_is_said_before_the_work(name: str, ending: str, tmp_path: Path) -> None:
    """Before the spec, which does not exist, is read, and without importing torch."""
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / "file").touch()
    for file, message in [
        (f"none/out{ending}", f"no such folder: {tmp_path / 'none'}"),
        (f"folder{ending}", "Is a directory"),
        (f"file/out{ending}", "Not a directory"),
        ("n" * 300 + ending, "File name too long"),
    ]:
        result = run(*words(name, tmp_path / "missing.yaml"), "-o", tmp_path / file)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert str(tmp_path / file)[:150] in result.stderr
    if name != "import":  # which reads a model, not a spec
        assert "missing.yaml" in run(*words(name, tmp_path / "missing.yaml"), "-o", tmp_path / f"out{ending}").stderr


@pytest.mark.parametrize(("name", "ending"), [case for case in OUTPUTS if case[0] != "import"])
@pytest.mark.parametrize("by", ["name", "link"])
def test_no_command_writes_over_its_spec(name: str, ending: str, by: str, tmp_path: Path) -> None:
    spec, output = write_spec(tmp_path, file=f"row{ending}"), tmp_path / f"row{ending}"
    if by == "link":
        output = tmp_path / f"link{ending}"
        output.symlink_to(spec)
    before = spec.read_bytes()
    result = run(*words(name, spec), "-o", output)
    assert (result.exit_code, spec.read_bytes()) == (2, before)
    assert f"{output} is read by this command: -o needs another file" in result.stderr


@pytest.mark.parametrize("line", [["build"], ["train", "--epochs", "1"]], ids=lambda line: line[0])
def test_no_command_writes_over_its_weights(line: list[str], spec: Path, weights: Path) -> None:
    before = weights.read_bytes()
    result = run(*line, spec, "--weights", weights, "-o", weights)
    assert (result.exit_code, weights.read_bytes()) == (2, before)
    assert "is read by this command" in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        ["draw", "child.yaml", "--detail", "blocks", "--format", "svg"],
        ["summary", "child.yaml", "--format", "csv"],
        ["diff", "resnet18", "child.yaml", "--format", "markdown"],
    ],
    ids=lambda line: line[0],
)
def test_nor_over_a_spec_that_its_spec_extends(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = write_spec(tmp_path)
    Path("child.yaml").write_text("extends: row.yaml\nname: child\n", encoding="utf-8")
    before = base.read_bytes()
    result = run(*line, "-o", "row.yaml")
    assert (result.exit_code, base.read_bytes()) == (2, before)
    assert result.stderr == "Error: row.yaml is a spec of child, which would be lost: write another file\n"


def test_the_name_of_a_checkpoint_is_looked_at_too(tmp_path: Path) -> None:
    result = run("train", tmp_path / "missing.yaml", "-o", tmp_path / ("n" * 248 + ".pt"))
    assert (result.exit_code, "File name too long" in result.stderr) == (2, True)


def test_a_refusal_comes_before_torch(tmp_path: Path) -> None:
    code = f"""
import sys
sys.argv = ["archspec", "build", "resnet18", "-o", {str(tmp_path / "none" / "net.onnx")!r}]
from archspec.cli import main
try:
    main()
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr == f"Error: {tmp_path / 'none' / 'net.onnx'}: no such folder: {tmp_path / 'none'}\n"


def test_an_ending_says_what_is_written(spec: Path, tmp_path: Path) -> None:
    for line in (["draw", spec, "-o"], ["build", spec, "-o"], ["report", spec, "-o"], ["train", spec, "-o"]):
        result = run(*line, tmp_path / "out.gif")
        assert (result.exit_code, "not 'out.gif'" in result.stderr) == (2, True)
        assert run(*line, f"{tmp_path}/").exit_code == 2
        assert run(*line, "").exit_code == 2
    assert run("draw", spec, "-o", tmp_path / "out", "--format", "svg").exit_code == 0
    assert (tmp_path / "out").read_bytes().startswith(b"<svg")
    assert run("draw", spec, "-o", tmp_path / "OUT.SVG").exit_code == 0
    assert run("build", spec, "-o", tmp_path / "OUT.PY").exit_code == 0


# -- standard output, pipes, devices --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_standard_output_gets_the_file_and_nothing_else(name: str, spec: Path, tmp_path: Path) -> None:
    for line, file in [
        (["draw", spec], "a.dot"),
        (["draw", spec, "--format", "png"], "a.png"),
        (["report", spec], "a.html"),
        (["build", spec, "--format", "py"], "a.py"),
        (["build", spec, "--format", "safetensors"], "a.safetensors"),
    ]:
        assert run(*line, "-o", tmp_path / file).exit_code == 0
        result = run(*line, "-o", name)
        assert (result.exit_code, result.stderr) == (0, "")
        got, expected = result.stdout_bytes, (tmp_path / file).read_bytes()
        if file.endswith(".safetensors"):  # its metadata are in any order
            got, expected = bytes(sorted(got)), bytes(sorted(expected))
        assert re.sub(rb"-o \S+`", b"", got) == re.sub(rb"-o \S+`", b"", expected)


def test_a_spec_on_standard_output_is_the_one_of_the_file(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    result = run("lesion", spec.name, "--drop", "body.1", "-o", "-")
    assert result.stdout.startswith("extends: row.yaml\nname: row_lesion\n")
    assert result.exit_code == 0
    for line in (["lesion", spec.name, "--drop", "body.1"], ["build", spec.name, "--format", "py"]):
        both = run(*line, "-o", "-", "--json")
        assert (both.exit_code, "not both" in both.stderr, both.stdout) == (2, True, "")


def test_a_stream_needs_a_format(spec: Path) -> None:
    result = run("build", spec, "-o", "-")
    assert (result.exit_code, "--format says what it gets" in result.stderr) == (2, True)


def test_a_picture_of_bytes_is_nothing_for_a_terminal(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archspec.cli.console import Screen

    monkeypatch.setattr(Screen, "isatty", lambda _: True)
    result = run("draw", spec, "-o", "-", "--format", "png")
    assert (result.exit_code, "nothing for a terminal" in result.stderr) == (2, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_written_to(spec: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.svg"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert run("draw", spec, "-o", pipe).stdout == f"written: {pipe}\n"
    reader.join()
    assert got[0].startswith(b"<svg")
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_standard_output() -> None:
    for line in (["schema"], ["draw", "resnet18", "-o", "-"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "archspec", *line],
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        assert done.returncode == 2
        assert re.fullmatch(r"Error: (standard output|/dev/stdout): No space left on device\n", done.stderr)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="closed descriptors are Unix's")
def test_closed_standard_streams() -> None:
    run_it = f"{shlex.quote(sys.executable)} -m archspec"
    for line, code in [
        (f"{run_it} schema >&-", 2),
        (f"{run_it} check - <&-", 2),
        (f"{run_it} check missing.yaml 2>&-", 2),
    ]:
        done = subprocess.run(["sh", "-c", line], capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


# -- two files ------------------------------------------------------------------------------------------------------


def test_onnx_of_two_files_is_there_or_not(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above protobuf's limit, which is lowered here, the weights are in a second file."""
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from archspec.codegen.fx import export

    monkeypatch.setattr(export, "_LARGEST", 1000)
    monkeypatch.setattr(export, "_ALIGNMENT", 64)
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with failing() as layer:
        assert run("build", spec, "-o", path).exit_code == 0
    (beside,) = tmp_path.glob("net.onnx.*.data")
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = torch.randn(3, 1, 8, 8)
    (found,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
    expected = archspec.load(spec).build(seed=0).eval()(given)
    torch.testing.assert_close(torch.from_numpy(found), expected)
    beside.unlink()
    path.write_bytes(b"old")
    last = len(layer.calls) - 1 - layer.calls[::-1].index("replace")
    with failing(nth(last, errno.ENOSPC)):
        assert run("build", spec, "-o", path).exit_code == 2
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (b"old", ["net.onnx"])
    refused = run("build", spec, "-o", "-", "--format", "onnx")
    assert (refused.exit_code, "takes one file" in refused.stderr) == (2, True)


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("resnet50", "resnet50.svg"),
        ("../../etc/passwd", "_.._etc_passwd.svg"),
        ("a\x1b[2J\nb", "a__2J_b.svg"),
        ("", "network.svg"),
        ("...", "network.svg"),
    ],
)
def test_a_networks_name_makes_a_files_name(name: str, file: str) -> None:
    assert str(name_file(name, ".svg")) == file


@pytest.mark.parametrize("letter", ["a", "é", "网", "\U00020000"])
def test_however_long_it_is(letter: str, tmp_path: Path) -> None:
    (tmp_path / name_file(letter * 500, ".svg")).touch()


def test_the_face_of_python_writes_the_same_way(tmp_path: Path) -> None:
    arch = archspec.load("vgg11")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        arch.save(tmp_path / "none" / "a.svg")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        arch.save(tmp_path / "none" / "a.pt2")
    path = tmp_path / "a.dot"
    path.write_text("old")
    with failing(nth(0, errno.EIO)):
        arch.save(path)  # the search for abandoned files fails, which is ignored
    assert path.read_text().startswith("digraph")
    assert json.loads(run("build", "vgg11", "-o", tmp_path / "a.py", "--json").stdout)["written"] == str(
        tmp_path / "a.py"
    )
