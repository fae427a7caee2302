"""Optimised networks with kernels that work in place compute the same."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec.codegen.fx import build
from archspec.codegen.fx.kernels import onednn, select_kernels
from archspec.codegen.fx.kernels.fused_conv import FusedConv2d
from archspec.ir.graph import Graph, Value
from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from archspec.ops.base import Op
from tests.passes.outputs import TOLERANCE, distance, evaluated, inputs, results
from tests.sample import Load, bundled, networks, sampled


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are called for small values, too."""
    monkeypatch.setattr(onednn, "LEAST_SAVED", 0)


CIFAR_RESNET = partial(bundled, "cifar_resnet20_A")


def op(word: str, **arguments: object) -> Op:
    return BY_WORD[word](**arguments)


def drawn(seed: int) -> Graph:
    """A random network of convolutions, ReLUs, sums, concatenations and splits with arbitrary consumers."""
    random_ = random.Random(seed)
    graph = Graph("drawn")
    values = [graph.add_input("input", Shape.of(4, 5, 5))]
    for number in range(24):
        value = random_.choice(values[-4:])
        channels = value.shape.channels
        equal = [one for one in values if one.shape == value.shape and one != value]
        match random_.choice(("conv", "conv", "relu", "add", "concat", "concat", "resume", "split", "pool")):
            case "conv":
                layer = op("conv", out=random_.choice((4, channels)), kernel=3, padding=1)
                made = graph.add_node(layer, (value,), (f"conv{number}",))
            case "add" if equal:
                made = graph.add_node(op("add"), (value, random_.choice(equal)))
            case "concat" if channels < 40:
                made = graph.add_node(op("concat"), (value, random_.choice(values)))
            case "split" if channels > 2:
                made = graph.add_node(op("split", sizes=(2, channels - 2)), (value,))
            case "resume" if 2 < channels < 40:
                made = _resumed(graph, random_, value, number)
            case "pool":
                made = graph.add_node(op("maxpool", kernel=3, stride=1, padding=1), (value,))
            case _:
                made = graph.add_node(op("relu"), (value,), (f"relu{number}",))
        values += made
    kept = random_.sample(values[1:], 3)
    graph.outputs = {f"out{at}": value for at, value in enumerate(kept)}
    return graph


def _resumed(graph: Graph, random_: random.Random, value: Value, number: int) -> tuple[Value, ...]:
    """A dual path unit, which adds to the first channels of a value and appends more."""
    convolved = graph.add_node(op("conv", out=5), (value,), (f"dual{number}",))
    delta, growth = graph.add_node(op("split", sizes=(2, 3)), convolved)
    residual, dense = graph.add_node(op("split", sizes=(2, value.shape.channels - 2)), (value,))
    pair = (residual, delta) if random_.random() < 0.8 else (delta, residual)
    return graph.add_node(op("concat"), (*graph.add_node(op("add"), pair), dense, growth))


@pytest.mark.parametrize("start", sampled(range(6), {0}))
def test_no_kernel_changes_what_another_reads(start: int) -> None:
    kinds: set[str] = set()
    for seed in range(start, 300, 6):
        plain_graph, fast_graph = drawn(seed), drawn(seed)
        fast_graph = replace(fast_graph.freeze(), inference=True)
        kinds |= {word for node in select_kernels(fast_graph, torch.device("cpu")).ops for word in _traits(node.op)}
        plain, fast = build(plain_graph).eval(), build(fast_graph).eval()
        fast.load_state_dict(plain.state_dict())
        image = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(seed))
        kept = image.clone()
        expected = results(plain, (image,), torch.float32)
        for _ in range(2):
            assert distance(expected, results(fast, (image,), torch.float32)) < TOLERANCE, seed
        assert torch.equal(image, kept), seed
    assert kinds >= {"fused", "overwrites", "begun", "continued", "added in place"}


def _traits(one: Op) -> Iterator[str]:
    """The side effects of a kernel."""
    if one.word == "fusedconv":
        yield from ["fused"] + ["overwrites"] * bool(getattr(one, "overwrites", False))
    if one.word == "grow":
        room, starts = getattr(one, "room", None), getattr(one, "starts", ())
        yield "begun" if room else "added in place" if starts else "continued"


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


def test_weights_are_folded_before_they_are_rounded() -> None:
    arch = archspec.load("cifar_resnet20_A")
    weights = evaluated(arch, torch.float32).state_dict()
    exact, half = (arch.optimize().build(dtype=dtype, weights=weights) for dtype in (torch.float32, torch.bfloat16))
    rounded = {name: weight.bfloat16() for name, weight in exact.state_dict().items()}
    assert all(torch.equal(weight, rounded[name]) for name, weight in half.state_dict().items())


def fast_and_slow(load: Load = CIFAR_RESNET) -> tuple[nn.Module, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """An optimised network in float32, its inputs, and the outputs of the plain one."""
    arch = load()
    plain, optimised = evaluated(arch, torch.float32), arch.optimize()
    fast = optimised.build().eval()
    fast.load_state_dict(optimised.map_weights(plain.state_dict()))
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


LATER = {
    "a split that is taken back as a whole, and grows": """
    - {conv: 4, as: base}
    - {split: [2, 2], from: base, as: [low, high]}
    - {concat: [low, high], as: whole}
    - {concat: [whole, [input, {conv: 2}]], as: grown}
    - concat: [grown, [grown, {conv: 1}]]
""",
    "a view of what a sum could overwrite": """
    - {conv: 4, as: first}
    - {split: [2, 2], as: [low, high]}
    - {add: [first, [input, {conv: 4}]], as: second}
    - concat: [second, low, high]
""",
    "what is added to a grown value, overwritten by another sum": """
    - {conv: 6, as: base}
    - {concat: [base, [input, {conv: 2}]], as: grown}
    - {conv: 2, from: grown, as: delta}
    - {split: [2, 6], from: grown, as: [residual, dense]}
    - {add: [residual, delta], as: summed}
    - {add: [delta, [grown, {conv: 2}]], as: other}
    - {concat: [summed, dense, other], as: again}
    - {split: [2, 8], as: [residual2, dense2]}
    - concat: [add: [residual2, [again, {conv: 2}]], dense2, [again, {conv: 1}]]
""",
}


@pytest.mark.parametrize("what", LATER)
def test_nothing_is_overwritten_that_is_read_later(what: str) -> None:
    arch = archspec.load(f"name: later\ninput: [4, 5, 5]\nstages:\n  body:{LATER[what]}")
    optimised = arch.optimize()
    plain, fast = arch.build().eval(), optimised.build().eval()
    given = (torch.randn(2, 4, 5, 5),)
    expected = results(plain, given, torch.float32)
    assert distance(expected, results(fast, given, torch.float32)) < TOLERANCE


@pytest.mark.parametrize("load", networks("cifar_resnet20_A", "cifar10_densenet_40_k12"))
def test_a_gradient_goes_the_plain_way(load: Load) -> None:
    fast, given, expected = fast_and_slow(load)
    made = fast(given[0])
    assert distance(expected, (made.detach(),)) < TOLERANCE
    made.sum().backward()
    gradients = [parameter.grad for parameter in fast.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("load", networks("cifar_resnet20_A", "cifar10_densenet_40_k12"))
def test_copies_compute_the_same(load: Load) -> None:
    fast, given, expected = fast_and_slow(load)
    results(fast, given, torch.float32)
    for twin in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):  # noqa: S301 - our own bytes
        assert distance(expected, results(twin, given, torch.float32)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("load", networks("cifar_resnet20_A", slow=["cifar10_densenet_40_k12"]))
def test_compilers_and_exporters_see_plain_torch(load: Load) -> None:
    fast, given, expected = fast_and_slow(load)
    with torch.no_grad():
        assert distance(expected, (torch.compile(fast, backend="eager")(given[0]),)) < TOLERANCE
        program = torch.export.export(fast, given)
        assert distance(expected, (program.module()(given[0]),)) < TOLERANCE
    targets = {str(node.target) for node in program.graph.nodes}
    assert not any("mkldnn" in target for target in targets), targets


def test_the_memory_of_a_dense_block_is_written_once() -> None:
    fast, given, _ = fast_and_slow(partial(bundled, "cifar10_densenet_40_k12"))
    with torch.inference_mode(), torch.profiler.profile() as profile:
        fast(given[0])
    calls: Mapping[str, int] = {event.key: event.count for event in profile.key_averages()}
    assert "aten::cat" not in calls
    # three blocks of twelve layers: the input of a block is copied once, and then twelve parts
    assert calls["aten::copy_"] <= 3 * (12 + 1) + 3


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_narrow_images(channels: int, width: int, stride: int) -> None:
    """oneDNN leaves memory uninitialised if a convolution of one channel with a reordered weight has output width 1."""
    conv = {"out": 3, "kernel": 3, "stride": [1, stride], "padding": 1}
    arch = archspec.load(
        {"name": "narrow", "input": [channels, 4, width], "stages": {"a": {"conv": conv}, "b": "relu"}}
    )
    model, optimized = arch.build().eval(), arch.optimize()
    fast = optimized.build().eval()
    fast.load_state_dict(optimized.map_weights(model.state_dict()))
    x = torch.randn(2, channels, 4, width)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), model(x))


@pytest.mark.skipif(not onednn.AVAILABLE, reason="this torch has no oneDNN")
@pytest.mark.parametrize(
    ("layers", "batch", "expected"),
    [
        ("[{conv: {out: 16, kernel: 3, padding: same}}, relu]", 1, 0),  # 16,384 numbers of a pass
        ("[{conv: {out: 16, kernel: 3, padding: same}}, relu]", 8, 1),
        ("[add: [{conv: {out: 16, kernel: 3, padding: same}}, identity], relu]", 4, 1),
        ("[add: [{conv: {out: 16, kernel: 3, padding: same}}, identity]]", 4, 0),
        ("[{conv: {out: 1024, kernel: 3, padding: same}}]", 1, 1),  # its weight
        ("[{conv: {out: 512, kernel: 1}}]", 8, 0),
        ("[{conv: {out: 16, kernel: 1, groups: 16}}]", 1, 1),
    ],
)
def test_a_fused_call_must_save_more_than_it_costs(
    layers: str, batch: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    calls: list[Tensor] = []
    original = onednn.convolve

    def count_call(conv: nn.Conv2d, x: Tensor, *rest: object, **options: object) -> Tensor:
        calls.append(x)
        return original(conv, x, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(onednn, "convolve", count_call)
    arch = archspec.load(f"{{name: few, input: [16, 32, 32], stages: {{body: {layers}}}}}")
    plain, fast = arch.build().eval(), arch.optimize().build().eval()
    image = torch.randn(batch, 16, 32, 32)
    kept = image.clone()
    expected_results = results(plain, (image,), torch.float32)
    assert distance(expected_results, results(fast, (image,), torch.float32)) < TOLERANCE
    assert len(calls) == expected
    assert torch.equal(image, kept)
