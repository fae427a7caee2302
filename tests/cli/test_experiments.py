"""The commands that train and experiment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archspec.cli.commands import archspec

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


def test_training_says_what_it_came_to(row: Path) -> None:
    result = run("train", row, "-o", row.with_name("w.pt"), "--epochs", "2", "--batch", "512", "--json")
    found = json.loads(result.stdout)
    assert [epoch["epoch"] for epoch in found["epochs"]] == [1, 2]
    assert all(0 <= epoch["test_error"] <= 1 for epoch in found["epochs"])


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
    for words, message in [
        (("train", row, "-o", tmp_path / "w.bin"), "not 'w.bin'"),
        (("train", row, "-o", tmp_path / "w.pt", "--data", "mnist"), "there are no data 'mnist'"),
        (("train", row, "-o", tmp_path / "w.pt", "--resume"), "w.pt.checkpoint: there is no checkpoint to go on from"),
        (("train", "resnet18", "-o", tmp_path / "w.pt"), "the network reads 3×224×224"),
        (("experiment", "lesion", row, "--weights", tmp_path / "none.pt"), "none.pt: No such file"),
        (("experiment", "lesion", other, "--weights", weights), "in the weights"),
        (("experiment", "lesion", row, "--weights", weights, "-o", tmp_path / "a.gif"), "not 'a.gif'"),
        (("experiment", "gradients", plain, "--weights", weights), "plain has no residual branches"),
        (("experiment", "delete", row, "--weights", weights, "--draws", "0"), "--draws"),
    ]:
        result = run(*words)
        assert (result.exit_code, message in result.output) == (2, True), result.output


def test_a_wrong_spec_is_told_as_everywhere(wrong: Path, weights: Path) -> None:
    result = run("experiment", "lesion", wrong, "--weights", weights)
    assert result.exit_code == 1
    assert "add needs equal shapes" in result.output
