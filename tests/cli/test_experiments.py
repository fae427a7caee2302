"""The commands that train and experiment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from archspec import load
from archspec.cli.commands import archspec
from archspec.experiments import lesions
from archspec.experiments.track import DivergedError

ROW = """\
name: row
input: [1, 8, 8]
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {layers: [add: [[batchnorm, relu, {conv: {out: channels, kernel: 3}}], identity]]}
stages:
  stem: {conv: {out: 2, kernel: 3}}
  body: [repeat: {times: 3, layers: [unit]}]
  pool: globalpool
  fc: {linear: 10}
"""


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(archspec, list(map(str, words)), prog_name="archspec")


@pytest.fixture
def row(tmp_path: Path) -> Path:
    path = tmp_path / "row.yaml"
    path.write_text(ROW, encoding="utf-8")
    return path


@pytest.fixture
def weights(row: Path) -> Path:
    path = row.with_name("row.safetensors")
    result = run("train", row, "-o", path, "--epochs", "1", "--batch", "512")
    assert result.exit_code == 0, result.output
    assert "test error" in result.output
    assert not list(row.parent.glob("*.checkpoint*"))
    return path


@pytest.mark.parametrize("name", ["lesion", "delete", "shuffle", "gradients"])
def test_each_experiment_prints_and_draws(name: str, row: Path, weights: Path) -> None:
    picture = row.with_name("picture.svg")
    draws = [] if name == "lesion" else ["--draws", "1"]
    result = run("experiment", name, row, "--weights", weights, "-o", picture, *draws)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("row\n")
    assert f"written: {picture}" in result.output
    assert "<svg" in picture.read_text(encoding="utf-8")
    data = run("experiment", name, row, "--weights", weights, "--beside", row, weights, "--json", *draws)
    one, same = json.loads(data.stdout)
    assert one == same
    assert one["network"] == "row"


def test_the_lesions_are_those_of_the_blocks(row: Path, weights: Path) -> None:
    (found,) = json.loads(run("experiment", "lesion", row, "--weights", weights, "--json").stdout)
    assert list(found["errors"]) == ["body.0", "body.1", "body.2"]


def test_what_cannot_be_done(row: Path, weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(ROW.replace("out: 2", "out: 4"), encoding="utf-8")
    plain = tmp_path / "plain.yaml"
    plain.write_text("name: plain\ninput: [64]\nstages: {fc: {linear: 10}}\n", encoding="utf-8")
    load(plain).save(tmp_path / "plain.safetensors")
    for words, message in [
        (("train", row, "-o", tmp_path / "w.bin"), "not 'w.bin'"),
        (("train", row, "-o", tmp_path / "w.pt", "--data", "mnist"), "there are no data 'mnist'"),
        (("train", row, "-o", tmp_path / "w.pt", "--resume"), "w.pt.checkpoint: there is no checkpoint to go on from"),
        (("train", "resnet18", "-o", tmp_path / "w.pt"), "the network reads 3×224×224"),
        (("experiment", "lesion", row, "--weights", tmp_path / "none.pt"), "none.pt: No such file"),
        (("experiment", "lesion", other, "--weights", weights), "these are not the weights of this network"),
        (("experiment", "lesion", row, "--weights", weights, "-o", tmp_path / "a.gif"), "not 'a.gif'"),
        (
            ("experiment", "gradients", plain, "--weights", tmp_path / "plain.safetensors"),
            "plain has no residual branches",
        ),
        (("experiment", "delete", row, "--weights", weights, "--draws", "0"), "--draws"),
    ]:
        result = run(*words)
        assert (result.exit_code, message in result.output) == (2, True), result.output


def test_a_wrong_spec_is_told_as_everywhere(wrong: Path, weights: Path) -> None:
    result = run("experiment", "lesion", wrong, "--weights", weights)
    assert result.exit_code == 1
    assert "add needs equal shapes" in result.output


def number(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


@pytest.mark.parametrize("name", ["lesion", "delete", "shuffle", "gradients"])
def test_weights_that_are_no_numbers_end_an_experiment(name: str, row: Path, weights: Path) -> None:
    broken = load_file(weights)
    broken["fc.bias"][3] = torch.nan
    path = row.with_name("broken.safetensors")
    save_file(broken, path)
    result = run("experiment", name, row, "--weights", path, "--json", "-o", row.with_name("a.svg"))
    assert result.exit_code == 1
    assert f"warning: {path}: 1 value that is not finite, in fc.bias (1)\n" in result.stderr
    found = json.loads(result.stdout, parse_constant=number)
    assert "finite" in found["error"] or "nan" in found["error"]
    assert f"Error: {found['error']}\n" in result.stderr
    assert not row.with_name("a.svg").exists()


def test_a_training_before_an_experiment_may_diverge(row: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.functional, "cross_entropy", lambda scores, _, **__: scores.sum() * torch.nan)
    result = run("experiment", "lesion", row, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"error": "the loss is nan in epoch 1, step 1 of 23"}


def test_a_lesion_that_gives_no_numbers_is_named(row: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object) -> float:
        raise DivergedError("2 of 9 test samples get scores that are not finite")

    monkeypatch.setattr(lesions, "measure_test_error", diverge)
    for command, said in (("lesion", "row without body.0: 2 of 9"), ("shuffle", "exchanged: 2 of 9")):
        result = run("experiment", command, row, "--weights", weights)
        assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
