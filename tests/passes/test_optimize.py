"""Optimised networks compute what the network computes in evaluation: every spec, after each pass, and on the kernels."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec.backends.torch import build, carry
from archspec.backends.torch.kernels.modules import FusedConv2d
from archspec.diagnostics import SpecError
from archspec.graph import Graph
from archspec.passes import PassError
from archspec.passes.base import Pass
from archspec.passes.merge_convs import merge_convs
from archspec.passes.optimize import INFERENCE

TOLERANCE = 1e-5
"""Of what is optimised and runs in float32, relative to the largest output."""
EXACT = 1e-11
"""Of each pass by itself, in float64: all that is left is rounding."""
SIDES = (48, 96, 192)
"""Of the images that a network of larger ones is tried with: the first that it takes."""


def smaller(name: str) -> archspec.Architecture:
    """A bundled network on images that are quick to compute."""
    arch = archspec.load(name)
    channels, *sides = next(iter(arch.input_shapes.values()))
    for side in SIDES if len(sides) == 2 and min(sides) > SIDES[0] else ():
        with suppress(SpecError):
            return archspec.load({"name": name, "extends": name, "input": [channels, side, side]})
    return arch


def evaluated(arch: archspec.Architecture, dtype: torch.dtype = torch.float64) -> nn.Module:
    """The network in evaluation, with statistics, factors and shifts as of one that was trained: of both signs, and some 0."""
    model = arch.build(dtype=dtype).eval()
    generator = torch.Generator().manual_seed(1)
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    calm = min(1.0, 8 / max(1, len(norms)) ** 0.5)
    for norm in norms:
        drawn = torch.rand(4, norm.num_features, generator=generator, dtype=torch.float64)
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.copy_((drawn[0] - 0.5) / 2)
            norm.running_var.copy_(drawn[1] + 0.5)
        if norm.affine:
            norm.weight.data.copy_((2 * drawn[2] - 0.5) * calm)
            norm.bias.data.copy_((drawn[3] - 0.5) * calm)
            norm.weight.data[0] = 0.0
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():
            parameter.data.normal_(0, 0.1, generator=generator)
    return model


def inputs(arch: archspec.Architecture) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(
        torch.zeros(2, *value.shape.sizes, dtype=torch.long)
        if arch.network.takes_indices(value)
        else torch.randn(2, *value.shape.sizes, dtype=torch.float64, generator=generator)
        for value in arch.network.inputs.values()
    )


def results(model: nn.Module, given: tuple[Tensor, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    with torch.inference_mode():
        made = model(*[one.to(dtype) if one.is_floating_point() else one for one in given])
    return made if isinstance(made, tuple) else (made,)


def distance(expected: tuple[Tensor, ...], got: tuple[Tensor, ...]) -> float:
    """The largest difference, relative to the largest output."""
    pairs = zip(expected, got, strict=True)
    return max(float((one - other).abs().max() / one.abs().max()) for one, other in pairs)


def stages(graph: Graph, passes: tuple[Pass, ...]) -> Iterator[tuple[str, Graph]]:
    """The graph after each pass that changes it."""
    for function in passes:
        try:
            after = function(graph)
        except PassError:
            continue
        if [node.op for node in after.ops] != [node.op for node in graph.ops]:
            yield getattr(function, "__name__", "elide"), after
        graph = after


@pytest.mark.parametrize("name", archspec.bundled())
def test_every_spec_computes_the_same_after_each_pass_and_on_the_kernels(name: str) -> None:
    arch = smaller(name)
    plain, given = evaluated(arch), inputs(arch)
    expected, weights = results(plain, given), plain.state_dict()
    for what, graph in stages(arch.network, (*INFERENCE, merge_convs)):
        model = build(graph, dtype=torch.float64).eval()
        model.load_state_dict(carry(graph, weights, since=len(arch.network.carried)))
        assert distance(expected, results(model, given)) < EXACT, what
    optimised = arch.optimize()
    fast = optimised.build()
    fast.load_state_dict(optimised.carry(weights))
    assert distance(expected, results(fast, given, torch.float32)) < TOLERANCE
    assert distance(expected, results(fast, given, torch.float32)) < TOLERANCE, "the second time"


def ops(arch: archspec.Architecture) -> Counter[str]:
    return Counter(node.op.word for node in arch.network.ops)


def test_batch_norms_go_where_the_convolution_is() -> None:
    arch = archspec.load("resnet50")
    assert "batchnorm" not in ops(arch.optimize())
    assert arch.optimize().params == arch.params - 2 * 26560 + 26560  # of each pair, a bias is left
    assert arch.optimize().macs == arch.macs


def test_a_dense_layer_keeps_a_clamp_of_its_first_normalisation() -> None:
    before, after = archspec.load("densenet121"), archspec.load("densenet121").optimize()
    assert ops(after)["clamp"] == 58 + 3  # each layer and transition; the last one is read by a pooling
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
    model.load_state_dict(optimised.carry(evaluated(arch).state_dict()))
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
        # one convolution, two normalisations: neither may take it
        ("  body: [{repeat: {times: 2, share: true, index: i, layers: [{conv: {out: 4}, as: conv}]}}, batchnorm]", 1),
        # read by a second layer: the convolution's own value is still needed
        ("  body: [{conv: 4, as: made}, add: [[made, batchnorm], made]]", 1),
        # a network that ends in it
        ("  body: [{conv: 4}, batchnorm]", 0),
        # padding adds zeros behind the normalisation
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
    fast.load_state_dict(optimised.carry(plain.state_dict()))
    image = 5 * torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected, got = plain(image), fast(image)
    assert torch.isfinite(got).all()
    assert float((expected - got).abs().max()) <= TOLERANCE * (1 + float(expected.abs().max()))


# The kernels


def test_the_same_seed_builds_the_same_function() -> None:
    arch = archspec.load("cifar_resnet20_A")
    given = inputs(arch)
    plain, fast = arch.build(seed=7).eval(), arch.optimize().build(seed=7).eval()
    expected, got = results(plain, given, torch.float32), results(fast, given, torch.float32)
    assert distance(expected, got) < TOLERANCE
    assert any(isinstance(module, FusedConv2d) for module in fast.modules())


def test_weights_of_the_plain_network_are_taken(tmp_path: Path) -> None:
    arch = archspec.load("cifar_resnet20_A")
    plain = evaluated(arch, torch.float32)
    torch.save(plain.state_dict(), tmp_path / "weights.pt")
    fast = arch.optimize().build(weights=tmp_path / "weights.pt").eval()
    expected = results(plain, inputs(arch), torch.float32)
    assert distance(expected, results(fast, inputs(arch), torch.float32)) < TOLERANCE


def fast_and_slow(name: str = "cifar_resnet20_A") -> tuple[nn.Module, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """An optimised network in float32, its inputs, and what comes out of the plain one."""
    arch = archspec.load(name)
    plain, optimised = evaluated(arch, torch.float32), arch.optimize()
    fast = optimised.build().eval()
    fast.load_state_dict(optimised.carry(plain.state_dict()))
    given = tuple(one.float() for one in inputs(arch))
    return fast, given, results(plain, given, torch.float32)


def test_weights_that_change_are_reordered_again() -> None:
    fast, given, _ = fast_and_slow()
    results(fast, given, torch.float32)
    with torch.no_grad():
        fast.get_parameter("fc.weight").mul_(0.0)
        fast.get_parameter("fc.bias").mul_(0.0)
        conv = next(module for module in fast.modules() if isinstance(module, FusedConv2d))
        before = conv(given[0])
        conv.weight.mul_(2.0)
        assert not torch.equal(before, conv(given[0]))
    assert not results(fast, given, torch.float32)[0].any()


def test_other_batches_and_sizes_follow() -> None:
    fast, given, expected = fast_and_slow()
    for batch in (1, 2, 5):
        image = given[0][:1].expand(batch, -1, -1, -1)
        (got,) = results(fast, (image,), torch.float32)
        assert distance((expected[0][:1].expand(batch, -1),), (got,)) < TOLERANCE
    assert results(fast, (torch.randn(1, 3, 48, 40),), torch.float32)[0].shape == (1, 10)


def test_inputs_that_no_kernel_takes_go_the_plain_way() -> None:
    fast, given, expected = fast_and_slow()
    empty, single = given[0][:0], given[0][0]
    assert results(fast, (empty,), torch.float32)[0].shape == (0, 10)
    conv = next(module for module in fast.modules() if isinstance(module, FusedConv2d))
    with torch.inference_mode():
        torch.testing.assert_close(conv(single), conv(given[0])[0])
        with pytest.raises(RuntimeError, match="to have 3 channels, but got 4 channels"):
            conv(torch.zeros(1, 4, 8, 8))
    half = fast.to(torch.bfloat16)
    assert distance(expected, results(half, given, torch.bfloat16)) < 0.1


def test_inputs_are_left_as_they_were() -> None:
    for stages in ("[add: [{conv: 4}, identity], relu]", "[add: [identity, {conv: 4}], relu]"):
        arch = archspec.load(f"{{name: kept, input: [4, 5, 5], stages: {{body: {stages}}}}}")
        fast = arch.optimize().build().eval()
        image = torch.randn(1, 4, 5, 5).to(memory_format=torch.channels_last)
        kept = image.clone()
        first = results(fast, (image,), torch.float32)
        assert torch.equal(image, kept)
        assert torch.equal(first[0], results(fast, (image,), torch.float32)[0])


def test_a_sum_overwrites_nothing_that_is_read_later() -> None:
    arch = archspec.load("""
name: later
input: [4, 5, 5]
stages:
  body:
    - {conv: 4, as: first}
    - {split: [2, 2], as: [low, high]}
    - {add: [[first, {conv: 4}], first], as: second}
    - {add: [[second, {conv: 4}], second], as: third}
    - concat: [third, second, low, [first, relu]]
""")
    optimised = arch.optimize()
    plain, fast = arch.build().eval(), optimised.build().eval()
    given = (torch.randn(2, 4, 5, 5),)
    expected = results(plain, given, torch.float32)
    assert distance(expected, results(fast, given, torch.float32)) < TOLERANCE


@pytest.mark.parametrize("name", ["cifar_resnet20_A", "cifar10_densenet_40_k12"])
def test_a_gradient_goes_the_plain_way(name: str) -> None:
    fast, given, expected = fast_and_slow(name)
    made = fast(given[0])
    assert distance(expected, (made.detach(),)) < TOLERANCE
    made.sum().backward()
    gradients = [parameter.grad for parameter in fast.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", ["cifar_resnet20_A", "cifar10_densenet_40_k12"])
def test_copies_compute_the_same(name: str) -> None:
    fast, given, expected = fast_and_slow(name)
    results(fast, given, torch.float32)
    for twin in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):  # noqa: S301 - our own bytes
        assert distance(expected, results(twin, given, torch.float32)) < TOLERANCE


@pytest.mark.parametrize("name", ["cifar_resnet20_A", "cifar10_densenet_40_k12"])
def test_compilers_and_exporters_see_plain_torch(name: str) -> None:
    fast, given, expected = fast_and_slow(name)
    with torch.no_grad():
        assert distance(expected, (torch.compile(fast, backend="eager")(given[0]),)) < TOLERANCE
        program = torch.export.export(fast, given)
        assert distance(expected, (program.module()(given[0]),)) < TOLERANCE
    targets = {str(node.target) for node in program.graph.nodes}
    assert not any("mkldnn" in target for target in targets), targets


def test_the_memory_of_a_dense_block_is_written_once() -> None:
    fast, given, _ = fast_and_slow("cifar10_densenet_40_k12")
    with torch.inference_mode(), torch.profiler.profile() as profile:
        fast(given[0])
    calls: Mapping[str, int] = {event.key: event.count for event in profile.key_averages()}
    assert "aten::cat" not in calls
    # three blocks of twelve layers: what enters a block is copied once, and then twelve parts
    assert calls["aten::copy_"] <= 3 * (12 + 1) + 3
