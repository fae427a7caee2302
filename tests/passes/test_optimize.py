"""Optimised networks compute the same in evaluation: every spec, after each pass, and with kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn

import archspec
from archspec.codegen.fx import build, map_weights
from archspec.codegen.fx.kernels import onednn
from archspec.errors import SpecError
from archspec.ir.graph import Graph
from archspec.passes.optimize import MERGING, PIPELINES, Pipeline
from tests.passes.outputs import TOLERANCE, distance, evaluated, inputs, results
from tests.sample import CORE, SMALL, computable, sampled, small

EXACT = 1e-11
"""The tolerance of each pass in float64, for rounding."""
LARGE = 40_000_000
"""Networks with more parameters are only tested in float32, to save memory."""
SIDES = (48, 96, 192)
"""Sizes of test images; the first that a network accepts is used."""


def smaller(name: str) -> archspec.Architecture:
    """A bundled network on images that are quick to compute."""
    arch = archspec.load(name)
    channels, *sides = next(iter(arch.input_shapes.values()))
    for side in SIDES if len(sides) == 2 and min(sides) > SIDES[0] else ():
        with suppress(SpecError):
            return archspec.load({"name": name, "extends": name, "input": [channels, side, side]})
    return arch


def stages(graph: Graph, pipeline: Pipeline) -> Iterator[tuple[str, Graph]]:
    """The graph after each pass that changes it."""
    for chosen, arguments in pipeline:
        after = chosen.run(graph, arguments, optional=True)
        if after is not graph:
            yield chosen.name, after
        graph = after


@pytest.fixture(autouse=True)
def kernels_whenever_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers go on the kernels too, where a call would cost more than it saves."""
    monkeypatch.setattr(onednn, "LEAST_SAVED", 0)


@pytest.mark.parametrize("name", sampled(SMALL, CORE[::2]))
def test_a_small_network_computes_the_same_after_each_pass_and_on_the_kernels(name: str) -> None:
    check_each_pass(small(name))


@pytest.mark.parametrize("name", computable())
def test_every_spec_computes_the_same_after_each_pass_and_on_the_kernels(name: str) -> None:
    check_each_pass(smaller(name))


def check_each_pass(arch: archspec.Architecture) -> None:
    large = arch.params > LARGE
    dtype, bound = (torch.float32, TOLERANCE) if large else (torch.float64, EXACT)
    plain, given = evaluated(arch, dtype), inputs(arch)
    expected, weights = results(plain, given, dtype), plain.state_dict()
    del plain
    for what, graph in stages(arch.graph, PIPELINES["inference"] + MERGING):
        model = build(graph, dtype=dtype).eval()
        model.load_state_dict(map_weights(graph, weights, since=len(arch.graph.weight_provenance)))
        assert distance(expected, results(model, given, dtype)) < bound, what
        del model
    optimised = arch.optimize()
    fast = build(optimised.graph).eval()
    fast.load_state_dict(optimised.map_weights(weights))
    for _ in range(2):
        assert distance(expected, results(fast, given, torch.float32)) < 3 * TOLERANCE  # they sum in another order


def ops(arch: archspec.Architecture) -> Counter[str]:
    return Counter(node.op.word for node in arch.graph.ops)


def test_batch_norms_go_where_the_convolution_is() -> None:
    arch = archspec.load("resnet50")
    assert "batchnorm" not in ops(arch.optimize())
    projected = 256 + 512 + 1024 + 2048  # the four sums with a projection keep one bias instead of two
    assert arch.optimize().params == arch.params - 2 * 26560 + 26560 - projected
    assert arch.optimize().macs == arch.macs


def test_a_dense_layer_keeps_a_clamp_of_its_first_normalisation() -> None:
    before, after = archspec.load("densenet121"), archspec.load("densenet121").optimize()
    assert ops(after)["clampchannels"] == 58 + 3  # each layer and transition; the consumer of the last one is a pooling
    assert ops(after)["scaleshift"] == 1
    assert ops(after)["relu"] == ops(before)["relu"] - 62
    assert after.macs < before.macs, "transitions pool first"


def test_preactivation_with_padding_keeps_scale_and_shift() -> None:
    after = ops(archspec.load("cifar10_wrn16_8").optimize())
    assert after["scaleshift"] > 0
    assert after["batchnorm"] == 0


def test_parallel_convolutions_become_one() -> None:
    before = archspec.load("googlenet")
    merged = before.optimize(merge=True)
    assert ops(merged)["conv"] == ops(before)["conv"] - 2 * 9
    assert merged.params < before.params


def test_many_paths_become_grouped_convolutions() -> None:
    paths = """
name: paths
input: [8, 6, 6]
stages:
  unit: {concat: [copies: {times: 4, name: path, layers: [{conv: {out: 4, kernel: 3, padding: same}}, batchnorm, relu]}]}
"""
    after = archspec.load(paths).optimize()
    assert ops(after) == {"conv": 1, "relu": 1}
    for_training = archspec.load(paths).optimize("training")
    assert ops(for_training) == {"conv": 1, "batchnorm": 1, "relu": 1}
    assert ops(archspec.load(paths).optimize("training"))["batchnorm"] == 1


DROPPING = """
name: dropping
input: [6, 4, 4]
stages:
  unit:
    - add: [[{conv: {out: 6, bias: false}}, batchnorm, {droppath: {p: 0.25, mode: batch, rescale: test}}], identity]
    - {dropout: 0.5}
    - {spatialdropout: 0.0}
    - {droppath: 0.0}
    - {scale: 1.0}
    - add: [identity]
  pool: globalpool
"""


def test_what_drops_is_left_out() -> None:
    arch = archspec.load(DROPPING)
    assert ops(arch.optimize()) == {"conv": 1, "scale": 1, "add": 1, "globalpool": 1}
    kept = ops(arch.optimize("training"))
    assert kept == {"conv": 1, "batchnorm": 1, "droppath": 1, "add": 1, "dropout": 1, "globalpool": 1}
    expected = results(evaluated(arch), inputs(arch))
    assert distance(expected, results(carried(arch), inputs(arch))) < EXACT


def carried(arch: archspec.Architecture, **options: Any) -> nn.Module:
    """The optimised network in float64, with the weights of `evaluated`."""
    optimised = arch.optimize(**options)
    model = optimised.build(dtype=torch.float64).eval()
    model.load_state_dict(optimised.map_weights(evaluated(arch).state_dict()))
    return model


SHARED = """
name: shared
input: [4, 6, 6]
blocks:
  unit: {layers: {conv: {conv: 4}, bn: batchnorm, relu: relu}}
  half: {layers: {conv: {conv: 4}}}
stages:
"""


@pytest.mark.parametrize(
    ("stages", "left"),
    [
        ("  body: {repeat: {times: 3, share: true, layers: unit}}", 0),
        # two normalisations of one shared convolution cannot be folded
        ("  body: [{repeat: {times: 2, share: true, index: i, layers: [{conv: {out: 4}, as: conv}]}}, batchnorm]", 1),
        # a second consumer needs the convolution's own value
        ("  body: [{conv: 4, as: made}, add: [[made, batchnorm], made]]", 1),
        # the last layer of the network
        ("  body: [{conv: 4}, batchnorm]", 0),
        # padding adds zeros after the normalisation
        ("  body: [batchnorm, {conv: {out: 4, kernel: 3, padding: 1}}]", 1),
        ("  body: [batchnorm, {conv: {out: 4, kernel: 3, padding: 1, padding_mode: reflect}}]", 0),
        ("  body: [batchnorm, {conv: {out: 4, kernel: 3, groups: 2, bias: false}}]", 0),
        ("  body: [batchnorm, relu, {conv: {out: 4, kernel: 3, groups: 2}}]", 0),
        ("  body: [{batchnorm: {affine: false}}, relu, bundle: [{conv: 4}, {conv: 2}], concat: [identity]]", 0),
        ("  body: [{convtranspose: {out: 6, kernel: 3, stride: 2}}, {batchnorm: {eps: 0.1}}]", 0),
        ("  body: [globalpool, {linear: 6}, batchnorm, relu, {linear: 3}, batchnorm]", 0),
    ],
)
def test_where_it_is_exact_and_nowhere_else(stages: str, left: int) -> None:
    arch = archspec.load(SHARED + stages + "\n")
    assert ops(arch.optimize())["scaleshift"] == left
    expected = results(evaluated(arch), inputs(arch))
    assert distance(expected, results(carried(arch), inputs(arch))) < EXACT
    assert distance(expected, results(carried(arch, merge=True), inputs(arch))) < EXACT


@pytest.mark.parametrize("factor", [0.0, 1e-30, -1e-30, 1e-12, -1e-12, 1e-3])
@pytest.mark.parametrize("shift", [0.0, -2.0, 2.0, 1e-20])
def test_a_clamp_stands_for_hardly_any_factor(factor: float, shift: float) -> None:
    arch = archspec.load("{name: tiny, input: [3, 4, 4], stages: {body: [batchnorm, relu, {conv: 2}]}}")
    optimised = arch.optimize()
    plain = arch.build().eval()
    plain.get_parameter("body.0.weight").data.fill_(factor)
    plain.get_parameter("body.0.bias").data.fill_(shift)
    fast = optimised.build().eval()
    fast.load_state_dict(optimised.map_weights(plain.state_dict()))
    image = 5 * torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected, got = plain(image), fast(image)
    assert torch.isfinite(got).all()
    assert float((expected - got).abs().max()) <= TOLERANCE * (1 + float(expected.abs().max()))


def test_a_shared_normalisation_keeps_one_form_where_only_one_use_has_a_relu() -> None:
    text = "{name: twice, input: [2, 8, 8], stages: {out: [{repeat: {share: true, times: 2, layers: [batchnorm: {eps: 2}]}}, relu]}}"
    arch = archspec.load(text)
    plain, given = evaluated(arch, torch.float64), inputs(arch)
    fast = arch.optimize().build(dtype=torch.float64).eval()
    fast.load_state_dict(arch.optimize().map_weights(plain.state_dict()))
    expected = results(plain, given, torch.float64)
    assert distance(expected, results(fast, given, torch.float64)) < EXACT
