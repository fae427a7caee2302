"""Stochastic depth: the dropped branches and their probabilities, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from archspec.ops.dropout import DropPath

UNITS = """
name: units
input: [16, 8, 8]
args: {p: 1/2, mode: row}
blocks:
  unit: [add: [[batchnorm, relu, conv: {out: channels, kernel: 3, padding: 1}], identity]]
stages:
  body: {repeat: {times: 4, layers: unit}}
  head: globalpool
"""


def drops(spec: str, **overrides: Any) -> list[tuple[str, DropPath]]:
    nodes = archspec.load(spec, **overrides).graph.ops
    return [(node.name, node.op) for node in nodes if isinstance(node.op, DropPath)]


def with_pass(arguments: str) -> str:
    return f"{UNITS}passes: [stochastic_depth{arguments}]\n"


def test_survival_falls_linearly() -> None:
    found = drops(with_pass(""))
    assert [name for name, _ in found] == [f"body.{unit}.droppath" for unit in range(4)]
    assert [op.p for _, op in found] == [1 / 8, 1 / 4, 3 / 8, 1 / 2]  # l/L (1 - p_L)
    assert {(op.mode, op.rescale) for _, op in found} == {("batch", "test")}


def test_survival_is_uniform() -> None:
    assert [op.p for _, op in drops(with_pass(": {survival: 0.75, decay: uniform}"))] == [1 / 4] * 4


def test_arguments_reach_the_pass() -> None:
    found = drops(with_pass(": {survival: p, mode: mode, rescale: train}"), p=0.25)
    assert [op.p for _, op in found] == [3 / 16, 3 / 8, 9 / 16, 3 / 4]
    assert {(op.mode, op.rescale) for _, op in found} == {("row", "train")}


def test_nothing_else_changes() -> None:
    plain, dropped = archspec.load(UNITS), archspec.load(with_pass(""))
    weights = [(node.name, node.weights) for node in plain.graph.ops if node.weights]
    assert [(node.name, node.weights) for node in dropped.graph.ops if node.weights] == weights
    assert dropped.paths().lengths == plain.paths().lengths
    assert (dropped.params, dropped.macs, dropped.depth) == (plain.params, plain.macs, plain.depth)


def test_a_projection_is_a_shortcut() -> None:
    found = drops("name: x\nextends: resnet50\npasses: [stochastic_depth: {decay: uniform}]\n")
    assert len(found) == 16
    arch = archspec.load("name: x\nextends: resnet50\npasses: [stochastic_depth]\n")
    for node in arch.graph.ops:
        if node.op.word == "add":
            first, second = (arch.graph.nodes[value.node] for value in node.inputs)
            assert getattr(first, "op", None).__class__ is DropPath
            assert getattr(second, "op", None).__class__ is not DropPath


def test_names_stay_free() -> None:
    spec = UNITS.replace("relu, conv", "droppath, conv").replace("[batchnorm", "[{dropout: 0, as: droppath}")
    found = drops(f"{spec}passes: [stochastic_depth]\n")
    assert [name for name, op in found if op.rescale == "test"][:1] == ["body.0.droppath2"]


@pytest.mark.parametrize(
    ("spec", "message", "column"),
    [
        (
            "name: x\nextends: vgg16\npasses: [stochastic_depth]\n",
            "stochastic_depth needs residual branches, this network has none",
            10,
        ),
        (with_pass(": {survival: 0}"), "survival of stochastic_depth needs more than 0, got 0", 39),
        (with_pass(": {survival: 3 * p}"), "survival of stochastic_depth needs at most 1, got 1.5", 39),
    ],
)
def test_what_is_wrong_is_said_where(spec: str, message: str, column: int) -> None:
    (found,) = archspec.check(spec)
    assert (found.message, found.span.column) == (message, column)
