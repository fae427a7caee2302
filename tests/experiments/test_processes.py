"""Two processes that torchrun starts train as one does, and go on as if they had not been stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

import archspec
from archspec.experiments.training import Training, begin_training, train_epochs
from tests.experiments.train_in_processes import EXACT, PLACES, WHOLE, load_few
from tests.processes import ROOT, run_python
from tests.sample import sampled

pytestmark = pytest.mark.skipif(
    not dist.is_available() or not dist.is_gloo_available(), reason="this torch has no gloo"
)


def torchrun(*words: object, cwd: Path | None = None) -> str:
    """What two processes print on standard output."""
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = run_python(*launch, *words, env=env, cwd=cwd)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module", params=sampled(PLACES, {"ddp"}))
def facts(request: pytest.FixtureRequest, folder: Path) -> list[dict[str, Any]]:
    """What each process says of a strategy."""
    lines = torchrun("-m", "tests.experiments.train_in_processes", folder, request.param).splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def alone() -> Training:
    """One process with the minibatches of both."""
    arch = archspec.load(EXACT)
    data = load_few(arch)
    training = begin_training(arch.graph, data, WHOLE)
    list(train_epochs(training, data, WHOLE))
    return training


def test_two_processes_train_as_one(facts: list[dict[str, Any]], folder: Path, alone: Training) -> None:
    """With gradients of two minibatches added in each, an uneven last step, an average of weights and augmentation."""
    assert sorted(fact["rank"] for fact in facts) == [0, 1]
    assert facts[0]["exact"] == facts[1]["exact"]
    for fact in facts:
        assert fact["losses"] == pytest.approx([epoch.loss for epoch in alone.history], rel=1e-5)
        assert fact["errors"] == pytest.approx([epoch.test_error for epoch in alone.history], abs=0.01)
    got, expected = torch.load(folder / f"{facts[0]['strategy']}.pt"), alone.weights()
    assert got.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(got[name], weight, rtol=1e-4, atol=1e-5)


def test_resumed_processes_are_as_if_never_stopped(facts: list[dict[str, Any]]) -> None:
    """With dropout, dropped branches and running statistics; one of them is asked to stop, and both do."""
    digests = {fact[part] for fact in facts for part in ("whole", "resumed")}
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("strategy", PLACES.values())
def test_only_the_first_process_prints_and_writes(strategy: str, tmp_path: Path) -> None:
    (tmp_path / "exact.yaml").write_text(EXACT, encoding="utf-8")
    options = ("--epochs", 2, "--batch", 256, "--strategy", strategy, "--device", "cpu", "--run-dir", "run", "--json")
    told = json.loads(torchrun("-m", "archspec", "train", "exact.yaml", *options, cwd=tmp_path))
    assert [epoch["epoch"] for epoch in told["epochs"]] == [1, 2]
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["exact.yaml", "run/metrics/metrics.csv", "run/run.json", "run/spec.yaml", "run/weights.pt"]
    assert json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))["environment"]["processes"] == 2


@pytest.mark.slow
def test_devices_starts_the_other_process(tmp_path: Path) -> None:
    (tmp_path / "exact.yaml").write_text(EXACT, encoding="utf-8")
    options = ("--epochs", 1, "--batch", 256, "--device", "cpu", "-o", "w.pt", "--json", "--devices", 2)
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = run_python("-m", "archspec", "train", "exact.yaml", *options, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["epochs"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exact.yaml", "w.pt"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler: there is no g++")
def test_compiled_processes_train_as_others(tmp_path: Path) -> None:
    (tmp_path / "exact.yaml").write_text(EXACT, encoding="utf-8")
    options = ("exact.yaml", "--epochs", 1, "--batch", 256, "--device", "cpu", "--json")
    plain, compiled = (
        json.loads(torchrun("-m", "archspec", "train", *options, *given, cwd=tmp_path))["epochs"]
        for given in (("-o", "plain.pt"), ("-o", "compiled.pt", "--compile"))
    )
    assert compiled[0]["loss"] == pytest.approx(plain[0]["loss"], rel=1e-4)
    weights = torch.load(tmp_path / "plain.pt")
    got = torch.load(tmp_path / "compiled.pt")
    assert got.keys() == weights.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(got[name], weight, rtol=1e-3, atol=1e-4)
