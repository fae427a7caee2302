"""Differences between two networks."""

from __future__ import annotations

import json

import pytest

import archspec

BASE = {
    "name": "a",
    "input": [3, 8, 8],
    "stages": {"stem": {"conv": 4}, "act": "relu", "pool": "globalpool", "head": {"linear": 10}},
}


def changed(**stages: object) -> archspec.Architecture:
    kept = {name: layer for name, layer in ({**BASE["stages"]} | stages).items() if layer is not None}  # type: ignore[dict-item]
    return archspec.load({**BASE, "name": "b", "stages": kept})


def test_a_network_is_equal_to_itself() -> None:
    for name in ("resnet50", "lstm", "dmrnet_d14", "googlenet_aux"):
        found = archspec.load(name).diff(archspec.load(name))
        assert found.equal
        assert found.parts == ()


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ({"stem": {"conv": {"out": 4, "kernel": 3}}}, [("changed", ("stem",), "conv", (("kernel", "1", "3"),))]),
        ({"act": None}, [("removed", ("act",), "relu", ())]),
        ({"act": "tanh"}, [("changed", ("act",), "tanh", (("kind", "relu", "tanh"),))]),
        ({"head": {"linear": 10}, "last": "relu"}, [("added", ("last",), "relu", ())]),
    ],
)
def test_parts(stages: dict[str, object], expected: list[tuple[object, ...]]) -> None:
    found = archspec.load(BASE).diff(changed(**stages))
    assert [(part.change, part.names, part.kind, part.fields) for part in found.parts] == expected


def test_counts_and_stages_of_a_deeper_network() -> None:
    one, other = archspec.load("resnet50"), archspec.load("resnet101")
    found = one.diff(other)
    assert found.counts["params"] == (one.params, other.params)
    assert found.counts["depth"] == (50, 101)
    assert found.counts["paths"] == (2**16, 2**33)
    assert [part.names for part in found.parts if part.change == "added"] == [
        tuple(f"layer3.{at}" for at in range(6, 23))
    ]
    grown = [stage.name for stage in found.stages if stage.before != stage.after]
    assert grown == ["layer3"]


def test_json_is_exact() -> None:
    found = archspec.load("densenet121").diff(archspec.load("densenet169"))
    loaded = json.loads(json.dumps(found.as_dict()))
    assert loaded["counts"]["paths"]["after"] == 4835703278458516698824704
