"""The command `train`: its messages at each kind of end, and resuming."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from archspec import files
from archspec.cli.commands import archspec
from archspec.experiments import training
from tests.processes import start_archspec

ROW = """\
name: row
input: [1, 8, 8]
stages: {stem: {conv: {out: 2, kernel: 3}}, bn: batchnorm, drop: {dropout: 0.3}, pool: globalpool, fc: {linear: 10}}
"""
NAN = """\
name: t
input: [1, 8, 8]
stages: {a: [{conv: {out: 8, kernel: 3}}, batchnorm, relu, {dropout: 0.2}], p: globalpool, h: {linear: 10}}
"""
OPTIONS = ("--epochs", "3", "--batch", "512", "--device", "cpu")
STEPS = 3


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(archspec, list(map(str, words)), prog_name="archspec")


def parsed(text: str) -> Any:
    def number(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=number)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with specs, and the default handling of signals."""
    monkeypatch.chdir(tmp_path)
    Path("row.yaml").write_text(ROW, encoding="utf-8")
    Path("nan.yaml").write_text(NAN, encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The weight files and the output of an uninterrupted training."""
    folder, found = tmp_path_factory.mktemp("whole"), {}
    (folder / "row.yaml").write_text(ROW, encoding="utf-8")
    for suffix in (".pt", ".safetensors"):
        result = run("train", folder / "row.yaml", "-o", folder / f"w{suffix}", *OPTIONS, "--json")
        assert result.exit_code == 0, result.output
        found[suffix] = (folder / f"w{suffix}").read_bytes()
        found["epochs"] = json.dumps(parsed(result.stdout)["epochs"]).encode()
    return found


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Calls `act` in the middle of a step, counted over all epochs from 1 on."""
    original, steps = training._train_step, [0]

    def step(*given: Any) -> float:
        steps[0] += 1
        if steps[0] == number:
            act()
        return original(*given)

    monkeypatch.setattr(training, "_train_step", step)


@pytest.mark.parametrize(
    ("number", "step", "said", "suffix"),
    [
        (signal.SIGINT, 1, "step 1 of 3 of epoch 1", ".pt"),
        (signal.SIGINT, 3, "step 3 of 3 of epoch 1", ".safetensors"),
        (signal.SIGTERM, 5, "step 2 of 3 of epoch 2", ".pt"),
        (signal.SIGTERM, 9, "step 3 of 3 of epoch 3", ".safetensors"),
    ],
)
def test_a_signal_keeps_all_and_says_how_to_go_on(
    number: signal.Signals, step: int, said: str, suffix: str, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(f"w{suffix}")
    with monkeypatch.context() as patch:
        at_step(patch, step, lambda: signal.raise_signal(number))
        stopped = run("train", "row.yaml", "-o", out, *OPTIONS, "--json")
    assert stopped.exit_code == 128 + number
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
    assert "interrupted: the checkpoint is written after this step" in stopped.stderr
    message = f"interrupted after {said}; {out}.checkpoint has the training up to {said}; {out} is not written"
    assert message in stopped.stderr
    told = parsed(stopped.stdout)
    assert (told["weights"], told["checkpoint"], len(told["epochs"])) == (
        None,
        f"{out}.checkpoint",
        (step - 1) // STEPS,
    )
    assert not out.exists()
    (command,) = re.findall("^help: go on with: archspec (.*)$", stopped.stderr, re.MULTILINE)
    again = run(*shlex.split(command))
    assert again.exit_code == 0, again.output
    assert out.read_bytes() == whole[suffix]
    assert json.dumps(parsed(again.stdout)["epochs"]).encode() == whole["epochs"]
    assert sorted(path.name for path in Path().iterdir()) == sorted(["nan.yaml", "row.yaml", out.name])


def test_a_second_signal_ends_it_at_once(whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    for step, kept in ((2, ""), (5, "epoch 1")):
        with monkeypatch.context() as patch:
            at_step(patch, step, twice)
            stopped = run("train", "row.yaml", "-o", "w.pt", *OPTIONS)
        assert stopped.exit_code == 130
        if not kept:
            assert "interrupted; no checkpoint was written; w.pt is not written\nhelp: begin again" in stopped.stderr
            assert not Path("w.pt.checkpoint").exists()
            continue
        assert f"interrupted; w.pt.checkpoint has the training up to {kept}; w.pt is not written" in stopped.stderr
    assert run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--resume").exit_code == 0
    assert Path("w.pt").read_bytes() == whole[".pt"]


def test_what_torchrun_passes_on_is_no_second_signal(whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a terminal reaches all processes, and torchrun then sends it to its own once more."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    for name, value in (("WORLD_SIZE", "1"), ("LOCAL_WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        at_step(patch, 2, twice)
        stopped = run("train", "row.yaml", "-o", "w.pt", *OPTIONS)
    assert stopped.exit_code == 130
    assert stopped.stderr.count("interrupted: the checkpoint is written after this step") == 1
    assert "w.pt.checkpoint has the training up to step 2 of 3 of epoch 1" in stopped.stderr
    assert run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--resume").exit_code == 0
    assert Path("w.pt").read_bytes() == whole[".pt"]


def test_a_signal_before_the_first_step_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "begin_training", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    stopped = run("train", "row.yaml", "-o", "w.pt", *OPTIONS)
    assert stopped.exit_code == 143
    assert stopped.stderr == "interrupted; no checkpoint was written; w.pt is not written\nhelp: begin again\n"


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    at_step(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGINT))
    assert run("train", "row.yaml", "-o", "w.pt", *OPTIONS).exit_code == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_loss_that_is_no_number_is_exit_1_and_json() -> None:
    Path("w.pt").write_text("old")
    result = run("train", "nan.yaml", "-o", "w.pt", "--epochs", "2", "--batch", "256", "--rate", "1e30", "--json")
    assert result.exit_code == 1
    found = parsed(result.stdout)
    assert re.fullmatch(r"the (loss|gradient) is (nan|inf) in epoch 1, step \d of 6", found["error"])
    assert (found["weights"], found["checkpoint"], found["epochs"]) == (None, None, [])
    assert f"{found['error']}; no checkpoint was written; w.pt is as it was\n" in result.stderr
    assert "help: begin with a lower --rate" in result.stderr
    assert Path("w.pt").read_text() == "old"
    assert not list(Path().glob("*checkpoint*"))


def test_a_loss_that_is_no_number_later_keeps_the_last_epoch(
    whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge() -> None:
        monkeypatch.setattr(torch.nn.functional, "cross_entropy", lambda scores, _, **__: scores.sum() * torch.nan)

    with monkeypatch.context() as patch:
        at_step(patch, 5, diverge)
        result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS)
    assert result.exit_code == 1
    assert "the loss is nan in epoch 2, step 2 of 3; w.pt.checkpoint has the training up to epoch 1" in result.stderr


def test_resuming_without_a_checkpoint_says_what_to_do() -> None:
    result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--resume")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: w.pt.checkpoint: there is no checkpoint to go on from\n"
        "help: leave out --resume to begin, or name the output of the training that was cut off\n"
    )
    Path("w.pt").write_text("old")
    result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--resume")
    assert "help: w.pt is there, so its training came to its end; leave out --resume" in result.stderr
    assert Path("w.pt").read_text() == "old"


def test_a_damaged_checkpoint_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    at_step(monkeypatch, 5, lambda: signal.raise_signal(signal.SIGINT))
    run("train", "row.yaml", "-o", "w.pt", *OPTIONS)
    checkpoint = Path("w.pt.checkpoint")
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[:-500] + bytes(500))
    result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--resume")
    assert result.exit_code == 2
    assert re.fullmatch(r"Error: w\.pt\.checkpoint: no whole checkpoint of archspec: .*\n", result.stderr)
    assert checkpoint.read_bytes() == content[:-500] + bytes(500)


def test_a_checkpoint_that_would_be_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("w.pt.checkpoint").write_text("of another training")
    result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: w.pt.checkpoint of a training that was cut off is written over; --resume")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_full_disk_names_the_file_and_how_to_go_on(
    number: int, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write: of three checkpoints, and of the weights."""
    writes = [0]

    def write(path: Path, content: bytes, original: Callable[..., None] = files.write_atomically) -> None:
        writes[0] += 1
        if writes[0] == number:
            raise OSError(28, os.strerror(28))
        original(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", write)
        result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--json")
    assert result.exit_code == 2
    name = "w.pt" if number == 4 else "w.pt.checkpoint"
    kept = f"w.pt.checkpoint has the training up to epoch {number - 1}" if number > 1 else "no checkpoint was written"
    assert f"{name}: No space left on device; {kept}; w.pt is not written\n" in result.stderr
    assert parsed(result.stdout)["error"] == f"{name}: No space left on device"
    if number == 1:
        return
    (command,) = re.findall("^help: go on with: archspec (.*)$", result.stderr, re.MULTILINE)
    assert run(*shlex.split(command)).exit_code == 0
    assert Path("w.pt").read_bytes() == whole[".pt"]


def test_what_saves_no_memory_is_told() -> None:
    result = run("train", "row.yaml", "-o", "w.pt", *OPTIONS, "--checkpoint", "blocks")
    assert result.exit_code == 0
    assert result.stderr == "warning: no memory is saved in training: row has no block of several weighted layers\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_goes_on(number: signal.Signals) -> None:
    """Whenever the signal comes, resuming gives the weights of an uninterrupted training."""
    options = ("--epochs", "60", "--batch", "512", "--device", "cpu")
    process = start_archspec("train", "row.yaml", "-o", "w.pt", *options)
    while not Path("w.pt.checkpoint").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), said
    assert (b"help: go on with: " in said) == (number != signal.SIGKILL)
    assert run("train", "row.yaml", "-o", "w.pt", *options, "--resume").exit_code == 0
    assert run("train", "row.yaml", "-o", "whole.pt", *options).exit_code == 0
    assert Path("w.pt").read_bytes() == Path("whole.pt").read_bytes()
