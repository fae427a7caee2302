"""The options for weights, freezing and learning rates of `train` and `experiment`."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from archspec import load
from archspec.cli.commands import archspec
from archspec.experiments import training

NET = """\
name: tiny
input: [1, 8, 8]
args: {classes: 10}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {layers: [add: [[batchnorm, relu, {conv: {out: channels, kernel: 3}}], identity]]}
stages:
  conv1: {conv: {out: 4, kernel: 3}}
  bn1: batchnorm
  layer1: [repeat: {times: 2, layers: [unit]}]
  pool: globalpool
  fc: {linear: classes}
"""
OPTIONS = ("--epochs", "1", "--batch", "512", "--device", "cpu")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(archspec, list(map(str, words)), prog_name="archspec")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a spec, and a checkpoint of the network with another head."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET, encoding="utf-8")
    state = load(NET, classes=3).build(seed=7).state_dict()
    averaged = {f"module.{name}": torch.zeros_like(weight) for name, weight in state.items()}
    torch.save({"model": {f"module.{name}": state[name] for name in state}, "ema": averaged}, "last.pth")


def read(path: str) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = torch.load(path)
    return weights


def test_a_network_is_fine_tuned() -> None:
    words = ("train", "net.yaml", "--weights", "last.pth#model", "-o", "out.pt", *OPTIONS)
    result = run(*words, "--freeze", "conv1,bn1", "--freeze", "layer1.0", "--rate-of", "head=0.01,layer1.1=1e-4")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        "note: last.pth: 18 of 20 tensors taken, 2 of its 20 left out",
        "note: last.pth: the prefix 'module.' of all 20 names was left out",
        "note: last.pth: the head fc of 3 classes was left out; that of 10 is fresh",
        "note: 202 of 398 parameters are trained; 2 frozen normalisations keep their running statistics",
    ]
    before, after = load(NET, classes=3).build(seed=7).state_dict(), read("out.pt")
    assert {name for name in after if name in before and torch.equal(before[name], after[name])} == {
        name for name in after if name.startswith(("conv1.", "bn1.", "layer1.0."))
    }


def test_all_of_it_is_data_with_json() -> None:
    words = ("train", "net.yaml", "--weights", "last.pth#model", "-o", "out.pt", *OPTIONS, "--json")
    result = run(*words, "--train-only", "head")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    start = said["initial_weights"]
    assert (start["source"], start["taken"], start["total"]) == ("last.pth", 18, 20)
    assert start["fresh"] == ["fc.weight", "fc.bias"]
    assert len(start["notes"]) == 2
    assert said["frozen"] == [name for name, _ in load(NET).build().named_parameters() if not name.startswith("fc.")]
    assert (
        result.stderr
        == "note: 50 of 398 parameters are trained; 3 frozen normalisations keep their running statistics\n"
    )


def test_weights_that_fit_need_no_word() -> None:
    """Weights that fit load without a note."""
    torch.save(load(NET).build(seed=7).state_dict(), "w.pth")
    result = run("train", "net.yaml", "--weights", "w.pth", "-o", "out.pt", *OPTIONS)
    assert (result.exit_code, result.stderr) == (0, "note: w.pth: 20 of 20 tensors taken, 0 of its 20 left out\n")


def interrupt(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Sends SIGINT in the middle of a step."""
    original, steps = training._train_step, [0]

    def step(*given: Any) -> float:
        steps[0] += 1
        if steps[0] == number:
            signal.raise_signal(signal.SIGINT)
        return original(*given)

    monkeypatch.setattr(training, "_train_step", step)


def test_it_goes_on_with_the_same_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.default_int_handler)
    words = ("train", "net.yaml", "--weights", "last.pth#model", *OPTIONS, "--freeze", "conv1")
    assert run(*words, "-o", "whole.pt").exit_code == 0
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        assert run(*words, "-o", "out.pt").exit_code == 130
    for other, said in (
        ((*words[:-1], "bn1"), "freeze is 'conv1' in it, expected 'bn1'"),
        ((*words, "--rate-of", "fc=0.1"), "rates is none in it, expected 'fc=0.1'"),
        ((*words[:2], *words[4:]), "weights is 'last.pth#model' in it, expected none"),
    ):
        result = run(*other, "-o", "out.pt", "--resume")
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1] == f"Error: out.pt.checkpoint: is of another recipe: {said}"
    assert run(*words, "-o", "out.pt", "--resume").exit_code == 0
    assert Path("out.pt").read_bytes() == Path("whole.pt").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--freeze", "layr1"], "Error: the network has no part 'layr1'; did you mean 'layer1'?"),
        (["--freeze", "body,head"], "Error: tiny has no weights to train that are not frozen"),
        (["--freeze", "conv1", "--rate-of", "conv1=0.1"], "Error: conv1 has a learning rate and is frozen"),
        (["--rate-of", "head"], "expected a part and its rate, such as head=0.01, got 'head'"),
        (["--rate-of", "head=-1"], "expected a part and its rate, such as head=0.01, got 'head=-1'"),
        (["--rate-of", "head=nan"], "expected a part and its rate, such as head=0.01, got 'head=nan'"),
        (["--freeze", ","], "expected the name of a part, got an empty one"),
        (["--weights", "last.pth"], "several of its parts fit the network equally well: model, ema"),
        (["--weights", "none.pth"], "Error: none.pth: No such file or directory"),
        (["--weights", "last.pth#model", "--adapt", "had"], "adapt has 'had', expected some of head,"),
    ],
)
def test_what_is_wrong_with_the_words(words: list[str], message: str) -> None:
    result = run("train", "net.yaml", "-o", "out.pt", *OPTIONS, *words)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert not Path("out.pt").exists()


def test_weights_that_do_not_fit_are_data_with_json() -> None:
    words = ("net.yaml", "--weights", "last.pth#model", "--json")
    for result in (run("train", *words, "-o", "out.pt", "--adapt", ""), run("experiment", "lesion", *words)):
        assert result.exit_code == 2
        said = json.loads(result.stdout)
        assert said["error"].startswith(
            "last.pth: these are not the weights of this network: the head fc has 3 classes"
        )
        assert said["weights"]["misshaped"]["fc.bias"] == {"expected": [10], "got": [3]}


def test_experiments_take_weights_as_build_does() -> None:
    words = ("experiment", "lesion", "net.yaml", "--weights", "last.pth#model", "--device", "cpu")
    adapted = run(*words, "--adapt", "head", "--json")
    assert adapted.exit_code == 0, adapted.output
    assert "note: last.pth: the head fc of 3 classes was left out; that of 10 is fresh\n" in adapted.stderr
    loose = run(*words, "--no-strict", "--json")
    assert "warning: last.pth: 18 of 20 tensors taken" in loose.stderr
    assert json.loads(loose.stdout) == json.loads(adapted.stdout)
    torch.save({"criterion.weight": torch.ones(3), **load(NET).build(seed=7).state_dict()}, "more.pth")
    beside = run(*words, "--adapt", "head", "--beside", "net.yaml", "more.pth")
    assert beside.exit_code == 2
    assert "it has all of the network's tensors and 1 more: criterion.weight" in beside.stderr
