"""Differences between two networks."""

from __future__ import annotations

import json

import pytest

import archspec
from archspec.analysis.network_matching import match_networks
from archspec.ir.graph import Region

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


def load_stages(**stages: object) -> archspec.Architecture:
    return archspec.load({"name": "a", "input": [3, 8, 8], "stages": stages})


def list_changes(before: archspec.Architecture, after: archspec.Architecture) -> list[tuple[object, ...]]:
    return [(part.change, *part.names, *part.fields) for part in before.diff(after).parts]


def test_an_insertion_into_numbered_layers_is_one_addition() -> None:
    layers = [{"conv": 4}, "relu", {"conv": 8}, "relu"]
    assert list_changes(load_stages(body=layers), load_stages(body=[layers[0], "batchnorm", *layers[1:]])) == [
        ("added", "body.1")
    ]
    assert list_changes(load_stages(body=layers), load_stages(body=layers[1:])) == [("removed", "body.0")]
    assert list_changes(load_stages(body=layers), load_stages(body=[{"conv": 5}, *layers[1:]])) == [
        ("changed", "body.0", ("out", "4", "5"))
    ]


def test_a_renamed_part_is_no_addition() -> None:
    block = [{"conv": 4}, "relu", {"conv": 8}]
    assert list_changes(load_stages(a=block, b="relu"), load_stages(c=block, b="relu")) == [
        ("changed", "c", ("name", "a", "c"))
    ]


def test_a_part_that_moved_into_a_block_is_no_addition() -> None:
    before = load_stages(a=[{"conv": 4}, "relu"], b=[{"conv": 8}, "relu"])
    after = load_stages(a=[{"conv": 4}, "relu"], b=[{"layers": {"inner": [{"conv": 8}, "batchnorm"]}}, "relu"])
    changes = list_changes(before, after)
    assert ("changed", "b.inner.0", ("place", "b.0", "b.inner.0")) in changes
    assert not any(change == "removed" for change, *_ in changes)


@pytest.mark.parametrize(
    "names", [("resnet50", "vgg16"), ("googlenet", "unet"), ("lstm", "densenet121"), ("vit_b_16", "cifar_resnet20_A")]
)
def test_every_part_is_matched_once_or_belongs_to_one_network(names: tuple[str, str]) -> None:
    graphs = [archspec.load(name).graph for name in names]
    matching = match_networks(*graphs)
    for side, other, graph in (("before", "after", graphs[0]), ("after", "before", graphs[1])):
        listed = [facts for pair in matching.pairs if (facts := getattr(pair, side))]
        assert len({id(facts) for facts in listed}) == len(listed)
        alone = [facts for pair in matching.pairs if (facts := getattr(pair, side)) and not getattr(pair, other)]
        folded = getattr(matching, side)
        covered = {id for facts in alone for id in folded.node_range(facts.part)}
        covered |= {facts.part.id for facts in listed if not isinstance(facts.part, Region)}
        assert covered == set(range(len(graph.nodes)))
