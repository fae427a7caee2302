"""Every bundled spec has exactly the published and measured numbers of its network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archspec

HERE = Path(__file__).parent
SPECS = sorted(path.stem for path in (HERE.parent / "specs").glob("*.yaml"))
ROWS: dict[str, dict[str, Any]] = {row["name"]: row for row in json.loads((HERE / "data" / "truth.json").read_text())}
RENAMED = {"fractalnet20": "cifar10_fractalnet20"}
OTHERWISE_KNOWN = {
    "lstm": "parameters and MACs of torch.nn.LSTM, below and in test_functions.py",
    "mobilenet_v2": "torchvision, in test_twins.py",
    "unet": "the paper's Figure 1, in test_functions.py",
    "vit_b_16": "torchvision, in test_twins.py",
}


def row_of(spec: str) -> dict[str, Any]:
    return ROWS[RENAMED.get(spec, spec)]


def sizes(shape: list[Any] | dict[str, list[int]]) -> list[tuple[int, ...]]:
    """The shapes of a row, in order, without their batch axis."""
    several = list(shape.values()) if isinstance(shape, dict) else shape if isinstance(shape[0], list) else [shape]
    return [tuple(one[1:]) for one in several]


def test_every_spec_is_compared() -> None:
    known = {spec for spec in SPECS if RENAMED.get(spec, spec) in ROWS}
    assert known.isdisjoint(OTHERWISE_KNOWN)
    assert known | set(OTHERWISE_KNOWN) == set(SPECS)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec not in OTHERWISE_KNOWN])
def test_counts(spec: str) -> None:
    row, arch = row_of(spec), archspec.load(spec)
    assert list(arch.input_shapes.values()) == sizes(row["input_shape"])
    assert list(arch.output_shapes.values()) == sizes(row["output_shape"])
    for number in ("params", "macs", "depth"):
        if row[number] is not None:
            assert getattr(arch, number) == row[number], number


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec not in OTHERWISE_KNOWN and row_of(spec)["paths"]])
def test_paths(spec: str) -> None:
    assert archspec.load(spec).paths().total == row_of(spec)["paths"]


@pytest.mark.parametrize(("features", "hidden"), [(10, 20), (128, 256)])
def test_one_step_of_the_lstm(features: int, hidden: int) -> None:
    row = ROWS[f"lstm_cell_{features}_{hidden}"]
    arch = archspec.load("lstm", steps=1, features=features, hidden=hidden)
    assert (arch.params, arch.macs, arch.depth) == (row["params"], row["macs"], row["depth"])


@pytest.mark.parametrize("spec", SPECS)
def test_says_where_it_is_from_and_what_must_come_out(spec: str) -> None:
    arch = archspec.load(spec)
    assert arch.name == spec
    assert arch.source
    assert set(arch.program.expect) == {"params", "macs", "depth", "paths", "output"}
    assert arch.unexpected() == ()
