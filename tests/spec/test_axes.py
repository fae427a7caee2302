"""Named axes in a spec: in inputs, in fields, in errors, and in passes."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

import archspec
from archspec.analysis.receptive_field import compute_receptive_fields
from archspec.api import schema
from archspec.ir.shape import Shape
from archspec.passes import PassError


def load(stages: str, given: str = "[4, 8]", args: str = "{}") -> archspec.Architecture:
    return archspec.load(f"name: a\ninput: {given}\nargs: {args}\nstages: {{{stages}}}\n")


def last(arch: archspec.Architecture) -> Shape:
    (value,) = arch.graph.outputs.values()
    return value.shape


@pytest.mark.parametrize(
    ("given", "described"),
    [
        ("[8]", "8 features"),
        ("[4, 8]", "4 tokens × 8 features"),
        ("[3, 8, 6]", "3 channels × 8 height × 6 width"),
        ("[3, 2, 8, 6]", "3 channels × 2 depth × 8 height × 6 width"),
        ("[3, 2, 2, 8, 6]", "3 channels × 2 × 2 × 8 × 6"),
        ("{channels: 4, length: 100}", "4 channels × 100 length"),
        ("{height: 8, width: 6, channels: 3}", "8 height × 6 width × 3 channels"),
        ("{tokens: 16, features: 8}", "16 tokens × 8 features"),
        ("{channels: 8}", "8 features"),
        ("{length: 2 * 5, features: 4}", "10 length × 4 channels"),
        ("{tokens: 6}", "6 tokens"),
    ],
)
def test_an_input_says_its_axes_by_rank_or_by_name(given: str, described: str) -> None:
    assert load("one: relu", given).graph.inputs["input"].shape.described == described


def test_each_of_several_inputs_has_its_axes() -> None:
    arch = archspec.load(
        "name: a\ninputs: {tokens: {channels: 4, length: 8}, b: [4]}\nstages: {one: {multiply: [input]}}"
    )
    assert [value.shape.described for value in arch.graph.inputs.values()] == ["4 channels × 8 length", "4 features"]


def test_padding_before_a_convolution_pads_the_length_of_a_signal_and_is_refused_for_a_sequence() -> None:
    stages = "pad: {pad: [[1, 0]]}, conv: {conv: {out: 6, kernel: 2}}"
    assert last(load(stages, "{channels: 4, length: 8}")).described == "6 channels × 8 length"
    with pytest.raises(archspec.SpecError, match="conv needs channels and length"):
        load(stages, "[4, 8]")


@pytest.mark.parametrize(
    "word", ["conv: 8", "maxpool: 2", "upsample: 2", "batchnorm: {}", "lrn: {}", "spatialdropout: {}"]
)
def test_a_sequence_is_no_signal(word: str) -> None:
    with pytest.raises(archspec.SpecError) as caught:
        load(f"one: {{{word}}}", "[4, 8]")
    (diagnostic,) = caught.value.diagnostics
    assert "got 4 tokens × 8 features" in diagnostic.message
    assert diagnostic.help is not None
    assert "permute: [features, tokens]" in diagnostic.help


def test_the_help_for_a_sequence_works() -> None:
    stages = "turn: [permute: [features, tokens], reshape: {channels: 8, length: 4}], one: {conv: 6}"
    assert last(load(stages)).described == "6 channels × 4 length"


def test_linear_and_channels_mean_one_axis_behind_a_permute() -> None:
    arch = load("turn: {permute: [1, 0]}, one: {linear: 2 * channels}")
    assert last(arch).described == "16 features × 4 tokens"
    assert arch.params == 16 * 8 + 16


@pytest.mark.parametrize(
    ("layer", "described"),
    [
        ("softmax: 0", "8 tokens × 6 features without a batch"),
        ("slice: {axis: 0, stop: 4}", "4 tokens × 6 features without a batch"),
        ("slice: {axis: tokens, stop: 4}", "4 tokens × 6 features without a batch"),
        ("reshape: [4, 12]", "4 × 12 without a batch"),
        ("permute: [1, 0]", "6 features × 8 tokens without a batch"),
    ],
)
def test_a_parameter_without_a_batch_has_its_own_axes(layer: str, described: str) -> None:
    arch = load(f"one: {{parameter: {{shape: [8, 6], batched: false}}}}, two: {{{layer}}}")
    assert last(arch).described == described


def test_an_axis_is_named_whatever_arguments_are_called() -> None:
    stages = "one: {softmax: tokens}, two: {linear: {out: width, axis: tokens}}, three: {permute: [features, tokens]}"
    assert last(load(stages, "[4, 8]", "{width: 3, tokens: 5}")).described == "8 features × 3 tokens"


def test_the_sizes_of_a_parameter_are_arithmetic() -> None:
    arch = load("one: {parameter: [tokens, 2 * width]}", "[4, 8]", "{width: 3, tokens: 5}")
    assert last(arch).described == "5 tokens × 6 features"


def test_defaults_name_axes_too() -> None:
    arch = archspec.load(
        "name: a\ninput: [4, 8]\nargs: {tokens: 1}\ndefaults: {slice: {axis: tokens}}\nstages: {one: {slice: 3}}"
    )
    assert last(arch).described == "3 tokens × 8 features"


@pytest.mark.parametrize("axis", ["", ", with: {axis: 0}", ", with: {axis: -3}", ", with: {axis: channels}"])
def test_a_concatenation_of_channels_is_one_however_it_says_so(axis: str) -> None:
    copies = "copies: {times: 3, name: path, layers: [conv: {out: 2, bias: false}, relu, conv: {out: 2, kernel: 3}]}"
    arch = load(f"one: {{concat: [{copies}]{axis}}}", "[8, 6, 6]")
    assert [node.op.word for node in arch.rewrite("grouped_paths").graph.ops] == ["conv", "relu", "conv"]


def test_another_axis_is_not_the_channels() -> None:
    copies = "copies: {times: 3, name: path, layers: [conv: 2, relu, conv: {out: 2, kernel: 3}]}"
    arch = load(f"one: {{concat: [{copies}], with: {{axis: height}}}}", "[8, 6, 6]")
    with pytest.raises(PassError):
        arch.rewrite("grouped_paths")


def facts(arch: archspec.Architecture) -> Any:
    return (
        arch.paths().total,
        arch.paths("layers").lengths,
        compute_receptive_fields(arch.graph)[-1],
        arch.params,
        arch.macs,
    )


def test_the_layout_of_an_input_changes_no_count() -> None:
    body = (
        "a: {conv: {out: 4, kernel: [3, 1]}}, b: {concat: [identity, relu]}, c: {conv: {out: 4, kernel: 2, groups: 4}}"
    )
    usual = load(body, "[3, 9, 8]")
    turned = load(f"turn: {{permute: [channels, height, width]}}, {body}", "{width: 8, height: 9, channels: 3}")
    assert facts(usual) == facts(turned)


def test_what_stands_in_the_schema_is_what_an_input_takes() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    spec: dict[str, Any] = {"name": "a", "stages": {"one": {"reshape": {"tokens": 4, "features": -1}}}}
    assert validator.is_valid({**spec, "input": {"channels": 4, "length": "2 * n"}})
    assert validator.is_valid({**spec, "inputs": {"a": {"channels": 4, "length": 8}, "b": [3]}})
    assert not validator.is_valid({**spec, "input": {"chanels": 4, "length": 8}})
    assert not validator.is_valid({**spec, "input": {}})
