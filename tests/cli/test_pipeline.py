"""The command `pipeline`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import archspec
from tests.cli.test_commands import run, said


def test_the_stages_of_a_network() -> None:
    lines = said(run("pipeline", "resnet50", "--stages", "4")).splitlines()
    assert lines[0] == "resnet50 in 4 stages"
    assert lines[1].split() == ["stage", "parts", "work", "parameters", "sends,", "a", "sample"]
    assert lines[3].split() == ["1", "layer2", "25.6%", "1,219,584", "512×28×28", "(1.61", "MB)"]
    assert lines[-1].startswith("balance 0.89: ")


def test_in_json_it_is_the_pipeline() -> None:
    data = json.loads(said(run("pipeline", "unet", "--stages", "3", "--set", "base=8", "--json")))
    assert data == json.loads(json.dumps(archspec.load("unet", base=8).pipeline(3).as_dict()))
    assert len(data["stages"]) == 3
    assert data["stages"][0]["sends"] == data["stages"][1]["receives"]


def test_values_that_cross_can_be_limited() -> None:
    assert " + " in said(run("pipeline", "unet"))
    assert " + " not in said(run("pipeline", "unet", "--crossing", "1"))


def test_measured(tiny: Path) -> None:
    assert "measured seconds" in said(run("pipeline", tiny, "--measure", "cpu", "--batch", "2"))


def test_one_stage(tiny: Path) -> None:
    text = said(run("pipeline", tiny, "--stages", "1"))
    assert "tiny in 1 stage\n" in text
    assert "100.0%" in text


def test_more_stages_than_there_can_be(tiny: Path) -> None:
    result = run("pipeline", tiny, "--stages", "9")
    assert result.exit_code == 2
    assert "tiny can be cut into 6 stages at most, got 9" in result.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there(tiny: Path) -> None:
    result = run("pipeline", tiny, "--measure", "cuda")
    assert result.exit_code == 2
    assert "torch finds no CUDA device here" in result.output
