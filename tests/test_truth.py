"""Every bundled spec has exactly the published and measured numbers of its network, and every network has a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.spec.zoo import load_zoo
from tests.sample import bundled

HERE = Path(__file__).parent
SPECS = frozenset(path.stem for path in (HERE.parent / "specs").glob("*.yaml"))
ROWS: dict[str, dict[str, Any]] = {
    row["name"]: row for row in json.loads((HERE / "data" / "truth.json").read_text(encoding="utf-8"))
}
RENAMED = {"cifar10_fractalnet20": "fractalnet20", "cifar100_fractalnet20": "fractalnet20"}
UNPUBLISHED = {"highway_A_cifar10_11", "highway_C_cifar10_32"}
"""Rows whose layers were not published."""
OTHERWISE_KNOWN = {
    "convnext_tiny": "torchvision, in tests/zoo/test_windows_and_channels_last.py",
    "resnetv2_50x1_bit": "timm, in tests/zoo/test_windows_and_channels_last.py",
    "swin_t": "torchvision, in tests/zoo/test_windows_and_channels_last.py",
    "gpt2": "the published checkpoint's count, and a reference in plain torch in tests/zoo/test_decoders.py",
    "llama3_8b": "the published checkpoint's count, and a reference in plain torch in tests/zoo/test_decoders.py",
    "fractalnet20_droppath": "the counts of fractalnet20; drop-path has none of its own",
    "highway_uncoupled_mnist_fc10": "tests/zoo: with T = C = 1 it is a ResNet",
    "lstm": "torch.nn.LSTM, in test_functions.py",
    "mobilenet_v2": "torchvision, in test_twins.py",
    "resnet110_shortcut_conv": "tests/zoo",
    "resnet110_shortcut_dropout": "tests/zoo",
    "resnet110_shortcut_exclusive_gating": "tests/zoo",
    "resnet110_shortcut_gating": "tests/zoo",
    "resnet110_shortcut_scaling": "tests/zoo",
    "resnetv2_101": "timm, in tests/zoo",
    "resnetv2_152": "timm, in tests/zoo",
    "resnetv2_18": "timm, in tests/zoo",
    "resnetv2_34": "timm, in tests/zoo",
    "resnetv2_50": "timm, in tests/zoo",
    "resnext50_32x4d_a": "equal to resnext50_32x4d, in tests/zoo",
    "resnext50_32x4d_b": "equal to resnext50_32x4d, in tests/zoo",
    "stochastic_depth_resnet110_uniform": "stochastic_depth_resnet110_cifar10 with another rule of survival",
    "unet": "the paper's Figure 1, in test_functions.py",
    "vit_b_16": "torchvision, in test_twins.py",
}
OTHER_INPUTS = {
    "inception_v2_slim": "its MACs are those of the Caffe port's input of 231 pixels",
    "lstm_cell_10_20": "the row has x alone; the cell takes h and c too",
    "lstm_cell_128_256": "the same",
}


def spec_of(row: str) -> str | None:
    """The spec of a row; a network for 100 classes is that for 10 with another argument."""
    for old, new in (("", ""), ("cifar100_", "cifar10_"), ("cifar100_", "cifar_"), ("_cifar100", "_cifar10")):
        name = RENAMED.get(row, row).replace(old, new)
        if name in SPECS:
            return name
    return None


def nominal_excess(row: str) -> int:
    """The difference between the depth in a network's name and the weighted layers on its longest path."""
    if "_wrn" in row:
        return 2  # 6n + 4 counts two projections that are not on the longest path
    return -1 if row == "densenet264" else 0  # 1 + 2 (6 + 12 + 64 + 48) + 3 + 1 is 265


def architecture(row: str) -> archspec.Architecture:
    spec = spec_of(row)
    assert spec is not None
    return archspec.load(spec, classes=100) if "cifar100" in row else bundled(spec)


def sizes(shape: list[Any] | dict[str, list[int]]) -> list[tuple[int, ...]]:
    """The shapes of a row, in order, without their batch axis."""
    several = list(shape.values()) if isinstance(shape, dict) else shape if isinstance(shape[0], list) else [shape]
    return [tuple(one[1:]) for one in several]


def test_every_row_has_a_spec() -> None:
    assert {row for row in ROWS if spec_of(row) is None} == UNPUBLISHED


def test_every_spec_has_a_row_or_a_twin() -> None:
    known = {spec_of(row) for row in ROWS}
    assert known.isdisjoint(OTHERWISE_KNOWN)
    assert SPECS - known <= set(OTHERWISE_KNOWN)


def test_the_catalogue_has_every_spec_once() -> None:
    assert sorted(entry.name for entry in load_zoo()) == sorted(SPECS)


@pytest.mark.parametrize("row", sorted(set(ROWS) - UNPUBLISHED))
def test_counts(row: str) -> None:
    truth, arch = ROWS[row], architecture(row)
    if spec_of(row) not in OTHER_INPUTS:
        assert list(arch.input_shapes.values()) == sizes(truth["input_shape"])
    assert list(arch.output_shapes.values()) == sizes(truth["output_shape"])
    for number, excess in (("params", 0), ("macs", 0), ("depth", nominal_excess(row))):
        if truth[number] is not None:
            assert getattr(arch, number) == truth[number] - excess, number
    if truth["paths"] is not None:
        assert arch.paths().total == truth["paths"]


@pytest.mark.parametrize("spec", sorted(SPECS))
def test_what_is_expected_comes_out(spec: str) -> None:
    arch = bundled(spec)
    assert set(arch.program.expect) >= {"params", "macs", "depth", "paths", "output"}
    assert arch.paper
    assert arch.check_expectations() == ()
    assert arch.warnings == (), "the spec, or the rule, is to be mended"
