"""The spec of a graph compiles to the same graph: for bundled networks, and for those that passes made."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

import archspec
from archspec.importing.decompile import DecompileError, find_difference
from archspec.importing.document import make_document
from archspec.importing.spec_text import write_spec
from archspec.ops import OPS
from tests.grammar import document
from tests.grammar.checks import text_of
from tests.ops.cases import Case, cases
from tests.sample import SMALL, every_spec, small


def load_sample(name: str) -> archspec.Architecture:
    return small(name) if name in SMALL else archspec.load(name)


@pytest.mark.parametrize("name", every_spec())
def test_a_bundled_network_comes_back(name: str) -> None:
    before = load_sample(name)
    text = before.decompile()
    after = archspec.load(text)
    assert find_difference(before.graph, after.graph) is None
    assert text == write_spec(
        make_document(before.graph, before.graph.name)
    )  # not the long one, which is written if the short one is wrong
    assert (after.params, after.macs, after.paths().total) == (before.params, before.macs, before.paths().total)


def test_a_named_join_takes_no_named_layer_into_its_scope() -> None:
    layers = {"one": {"conv": 4}, "two": {"conv": 4}, "cat": {"concat": ["one", "two"]}, "three": {"conv": 8}}
    before = archspec.load({"name": "a", "input": [4, 8, 8], "stages": {"body": {"layers": layers}}})
    after = archspec.load(write_spec(make_document(before.graph, "a")))
    assert find_difference(before.graph, after.graph) is None


def test_one_argument_stands_for_layers_of_several_names() -> None:
    def make_unit(act: str) -> dict[str, object]:
        return {"layers": {"conv1": {"conv": 8}, "act1": act, "conv2": {"conv": 8}, "act2": act, "fc": {"conv": 8}}}

    stages = {f"unit{number}": make_unit(act) for number, act in enumerate(("relu", "silu", "relu", "gelu"))}
    before = archspec.load({"name": "a", "input": [8, 8, 8], "stages": stages})
    text = write_spec(make_document(before.graph, "a"))
    assert "act2: act1" in text
    assert find_difference(before.graph, archspec.load(text).graph) is None


def test_networks_that_passes_made_come_back() -> None:
    resnet, densenet = small("resnet18"), small("densenet121")
    for arch in (
        resnet.lesion(drop=["layer1.0"]),
        resnet.features(["layer1", "layer3"]),
        resnet.optimize(),
        densenet.features(["features"]),
    ):
        after = archspec.load(arch.decompile("again"))
        assert after.name == "again"
        assert [*after.output_shapes.values()] == [*arch.output_shapes.values()]
        if len(arch.graph.outputs) > 1:
            assert list(after.graph.outputs) == list(arch.graph.outputs)
        assert (after.params, after.macs) == (arch.params, arch.macs)


def test_what_no_spec_can_say_is_refused_with_its_place() -> None:
    with pytest.raises(DecompileError, match=r"scaleshift is an op of passes only \(1 times, first features\.norm5\)"):
        small("densenet121").optimize().decompile()


def test_another_wiring_or_name_is_a_difference() -> None:
    text = "{name: a, input: [4], stages: {a: {linear: 4}, b: {linear: 4}, sum: {add: [a, b]}}}"
    graph = archspec.load(text).graph
    assert find_difference(graph, graph) is None
    for old, new in (
        ("[a, b]", "[b, a]"),
        ("b: {linear: 4}", "b: {linear: {out: 4, bias: false}}"),
        ("a: {l", "c: {l"),
    ):
        other = archspec.load(text.replace(old, new).replace("[a, b]", "[c, b]" if new == "c: {l" else "[a, b]"))
        assert find_difference(graph, other.graph) is not None, new


SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 1000))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_network_comes_back(seed: int) -> None:
    try:
        before = archspec.load_overridden(text_of(document(seed)), {})
    except archspec.SpecError:
        return  # a pass that does not fit
    after = archspec.load_overridden(before.decompile(), {})
    assert find_difference(before.graph, after.graph) is None


@pytest.mark.parametrize("word", [op.word for op in OPS])
def test_lifted_fields_make_the_same_op(word: str) -> None:
    @settings(max_examples=25)
    @given(cases(word))
    def check(case: Case) -> None:
        assert type(case.op).model_validate(case.op.lift()) == case.op

    check()


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "dpn68", "unet"])
def test_the_long_text_is_the_same_network(name: str) -> None:
    graph = load_sample(name).graph
    text = write_spec(make_document(graph, graph.name, compressed=False))
    assert find_difference(graph, archspec.load(text).graph) is None
    assert "repeat" not in text
    assert "blocks:" not in text


def test_the_long_text_is_written_where_the_short_one_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    arch = small("resnet18")
    monkeypatch.setattr("archspec.importing.generalizing.find_law", lambda *_: "channels + 1")
    assert "channels + 1" in write_spec(make_document(arch.graph, "a"))
    assert find_difference(arch.graph, archspec.load(arch.decompile()).graph) is None
