"""The options of `archspec train` for runs: what their folder holds, and what goes on in it."""

from __future__ import annotations

import csv
import errno
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec
from archspec import files
from archspec.experiments import training
from archspec.experiments.run_folder import make_logger
from archspec.experiments.state import hash_network
from tests.cli.surface import run

SPEC = """\
name: row
input: [1, 8, 8]
args: {width: 2}
stages: {stem: {conv: {out: width, kernel: 3}}, bn: batchnorm, pool: globalpool, fc: {linear: 10}}
"""
OPTIONS = ("row.yaml", "--set", "width=3", "--epochs", "3", "--batch", "512", "--device", "cpu", "--run-dir", "run")
STEPS = 3


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("row.yaml").write_text(SPEC, encoding="utf-8")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return tmp_path


def list_files() -> list[str]:
    return sorted(path.relative_to("run").as_posix() for path in Path("run").rglob("*") if path.is_file())


def read_metrics() -> list[dict[str, str]]:
    with Path("run/metrics/metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_says_what_it_is() -> None:
    done = run("train", *OPTIONS, "--recipe", "densenet-cifar", "--ema", "0.9", "--precision", "bf16", "--json")
    assert done.exit_code == 0, done.output
    assert list_files() == ["metrics/metrics.csv", "run.json", "spec.yaml", "weights.pt"]
    assert Path("run/spec.yaml").read_text(encoding="utf-8") == SPEC
    facts = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    arch = archspec.load("row.yaml", width=3)
    assert (facts["network"], facts["network_sha256"]) == ("row", hash_network(arch.graph))
    assert facts["parameters"] == arch.params
    assert facts["data"]["samples"] == 1438
    chosen = {name: facts["recipe"][name] for name in ("epochs", "batch", "rate", "optimizer", "schedule", "ema")}
    assert chosen == {"epochs": 3, "batch": 512, "rate": 0.1, "optimizer": "nesterov", "schedule": "step", "ema": 0.9}
    assert facts["recipe"]["source"].startswith("Huang et al. 2017")
    assert facts["command"][:4] == ["archspec", "train", "row.yaml", "--set"]
    environment = {name: facts["environment"][name] for name in ("torch", "device", "precision", "processes")}
    assert environment == {"torch": torch.__version__, "device": "cpu", "precision": "bf16-mixed", "processes": 1}
    told = json.loads(done.stdout)["epochs"]
    assert [(int(row["epoch"]), float(row["loss"]), float(row["test_error"])) for row in read_metrics()] == [
        (epoch["epoch"], epoch["loss"], epoch["test_error"]) for epoch in told
    ]
    assert [int(row["step"]) for row in read_metrics()] == [3, 6, 9]
    arch.build(weights="run/weights.pt")


def test_a_run_goes_on_in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("train", *OPTIONS).exit_code == 0
    expected, metrics = Path("run/weights.pt").read_bytes(), read_metrics()
    Path("run").rename("whole")
    original: Callable[..., float] = training._train_step
    steps = [0]

    def stop(*given: Any) -> float:
        steps[0] += 1
        if steps[0] == STEPS + 2:
            signal.raise_signal(signal.SIGTERM)
        return original(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_train_step", stop)
        stopped = run("train", *OPTIONS)
    assert stopped.exit_code == 143
    assert "run/weights.pt.checkpoint has the training up to step 2 of 3 of epoch 2" in stopped.stderr
    assert len(read_metrics()) == 1
    log = Path("run/metrics/metrics.csv")
    log.write_bytes(log.read_bytes() + b"2,0.7,6,0.1\r\n3,0.")  # of an epoch after the checkpoint, and half a line
    again = run("train", *OPTIONS)
    assert again.exit_code == 2
    assert again.stderr == "Error: run holds a run\nhelp: name another folder, or go on with --resume\n"
    assert run("train", *OPTIONS, "--resume").exit_code == 0
    assert Path("run/weights.pt").read_bytes() == expected
    assert read_metrics() == metrics
    assert list_files() == ["metrics/metrics.csv", "run.json", "spec.yaml", "weights.pt"]


def test_two_trainings_do_not_share_a_folder() -> None:
    Path("run").mkdir()
    with files.hold_folder(Path("run")):
        result = run("train", *OPTIONS)
    assert (result.exit_code, result.stderr) == (2, "Error: run: another process writes into it\n")
    assert list_files() == []


def test_a_log_that_cannot_be_written_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    log = make_logger(Path("run"))
    log.log_metrics({"epoch": 1, "loss": 0.5}, step=3)
    before = Path("run/metrics/metrics.csv").read_bytes()

    def fill_disk(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fill_disk)
        with pytest.raises(OSError, match="No space left"):
            log.log_metrics({"epoch": 2, "loss": 0.4}, step=6)
    assert Path("run/metrics/metrics.csv").read_bytes() == before
    assert [path.name for path in Path("run/metrics").iterdir()] == ["metrics.csv"]


def test_workers_without_image_files_are_told() -> None:
    done = run("train", *OPTIONS, "--workers", "2")
    assert done.exit_code == 0
    assert done.stderr == "warning: workers decode image files, and digits is in memory\n"


def test_the_weights_may_be_elsewhere() -> None:
    assert run("train", *OPTIONS, "-o", "w.safetensors").exit_code == 0
    assert list_files() == ["metrics/metrics.csv", "run.json", "spec.yaml"]
    assert Path("w.safetensors").exists()


def test_a_log_for_tensorboard() -> None:
    pytest.importorskip("tensorboard")
    assert run("train", *OPTIONS, "--logger", "tensorboard").exit_code == 0
    assert [name for name in list_files() if name.startswith("metrics/events.out.tfevents")]


def test_without_tensorboard_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    done = run("train", *OPTIONS, "--logger", "tensorboard")
    assert done.exit_code == 2
    assert "tensorboard, which is not installed: pip install tensorboard" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("row.yaml",), "Missing option '-o' / '--output', or '--run-dir'."),
        (("row.yaml", "-o", "w.pt", "--logger", "csv"), "--logger is for the metrics in the folder of --run-dir"),
        (("row.yaml", "-o", "w.pt", "--milestones", "half"), "expected shares of the epochs, such as 0.5,0.75"),
        (("row.yaml", "-o", "w.pt", "--milestones", "0.5"), "milestones are for a step schedule, not for onecycle"),
        (("row.yaml", "-o", "w.pt", "--warmup", "1"), "a one-cycle schedule rises by itself"),
        (("row.yaml", "-o", "w.pt", "--recipe", "mine"), "'mine' is not one of 'bag-of-tricks'"),
        (("row.yaml", "-o", "w.pt", "--strategy", "fsdp"), "fsdp is for several processes: start them with torchrun"),
        (("row.yaml", "-o", "w.pt", "--recipe", "resnet"), "in memory: expected no augmentation or crop"),
    ],
)
def test_options_that_do_not_go_together(words: tuple[str, ...], message: str) -> None:
    done = run("train", *words, "--device", "cpu")
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert not Path("w.pt").exists()


def test_an_experiment_trains_in_the_precision_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("res.yaml").write_text(
        "name: res\ninput: [1, 8, 8]\nstages: {stem: {conv: {out: 2, kernel: 3}},"
        " unit: {add: [{conv: {out: channels, kernel: 3, padding: same}}, identity]}, pool: globalpool, fc: {linear: 10}}\n",
        encoding="utf-8",
    )
    seen: list[str] = []
    original = training._train_step

    def look(begun: training.Training, *given: Any) -> float:
        seen.append(begun.fabric.strategy.precision.precision)
        return original(begun, *given)

    monkeypatch.setattr(training, "_train_step", look)
    done = run("experiment", "lesion", "res.yaml", "--device", "cpu", "--precision", "bf16", "--json")
    assert "errors" in json.loads(done.stdout)[0]
    assert set(seen) == {"bf16-mixed"}
