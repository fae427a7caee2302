"""The kernels for GPUs, tested without one: Triton's under its interpreter, cuDNN's calls against their schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec
from archspec.codegen.fx import build
from archspec.codegen.fx.kernels import (
    available,
    channelwise,
    cudnn,
    launching,
    merged_groups,
    pointwise,
    pooling,
    select_kernels,
    space_to_depth,
)
from archspec.codegen.fx.kernels.activations import Activation
from archspec.codegen.fx.kernels.fused_conv import FusedConv2d
from archspec.codegen.fx.kernels.ops import FusedConv
from archspec.ir.graph import Graph
from archspec.ops.conv import Conv
from tests.passes.outputs import TOLERANCE, distance, evaluated, inputs, results
from tests.processes import run_python
from tests.sample import Load, networks

CUDA = torch.device("cuda")
ROOT = Path(__file__).parents[2]
REFERENCES: dict[Activation | None, Callable[[Tensor], Tensor]] = {
    None: lambda x: x,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "hardswish": functional.hardswish,
    "silu": functional.silu,
}


@pytest.fixture
def triton_kernels(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kernels under Triton's interpreter, which runs them on the CPU; `test_gpu.py` tests them on a GPU."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # read when the kernels are defined
    pytest.importorskip("triton", reason="needs Triton")
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU: the kernels are compiled here")
    monkeypatch.setattr(available, "find_kernels", lambda name, x: find_triton(name))
    monkeypatch.setattr(available, "pays_to_launch", lambda count: True)
    return find_triton("channels")


def find_triton(name: str) -> Any:
    return import_module(f"archspec.codegen.fx.kernels.triton_{name}")


def image(*sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(sum(sizes))
    return torch.randn(*sizes, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)


def slices() -> Iterator[Tensor]:
    """Values in all supported layouts: dense, of one place, one row, one column, and the first channels of a larger value."""
    yield image(2, 5, 3, 4)
    yield image(1, 300, 2, 2)
    yield image(3, 7, 1, 1)
    yield image(2, 7, 1, 5)
    yield image(2, 7, 5, 1)
    yield image(2, 24, 3, 4)[:, :16]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_clamps_and_factors_in_one_pass(triton_kernels: Any, dtype: torch.dtype) -> None:
    for x in slices():
        x = x.to(dtype) if x.is_contiguous(memory_format=torch.channels_last) else x
        pair = torch.sort(image(2, x.shape[1], 1, 1), 0).values.to(x.dtype)
        assert triton_kernels.has_rows(x)
        for relu in (False, True):
            expected = torch.addcmul(pair[1].float(), x.float(), pair[0].float())
            expected = functional.relu(expected) if relu else expected
            torch.testing.assert_close(channelwise.scale_channels(x, pair, relu=relu), expected.to(x.dtype))
        pair[0, 0], pair[1, -1] = -torch.inf, torch.inf
        assert torch.equal(channelwise.clamp_channels(x, pair), torch.clamp(x, pair[0], pair[1]))


@pytest.mark.parametrize("activation", REFERENCES)
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("has_other", [False, True])
def test_what_follows_a_convolution_in_one_pass(
    triton_kernels: Any, activation: Activation | None, has_bias: bool, has_other: bool
) -> None:
    for other in slices():
        made = image(*other.shape) * 4
        bias = image(other.shape[1], 1, 1, 1).flatten() if has_bias else None
        expected = made + (0 if bias is None else bias[:, None, None]) + (other if has_other else 0)
        result = channelwise.finish_convolution(made, bias, other if has_other else None, activation)
        assert result is made
        torch.testing.assert_close(made, REFERENCES[activation](expected))


def test_nan_stays(triton_kernels: Any) -> None:
    x = torch.full((1, 4, 2, 2), torch.nan).contiguous(memory_format=torch.channels_last)
    pair = torch.stack([torch.zeros(4, 1, 1), torch.ones(4, 1, 1)])
    assert channelwise.clamp_channels(x, pair).isnan().all()
    assert channelwise.scale_channels(x, pair, relu=True).isnan().all()
    for activation in REFERENCES:
        assert channelwise.finish_convolution(x.clone(), None, None, activation).isnan().all()


def test_values_in_another_order_are_left_to_torch(triton_kernels: Any) -> None:
    for x in (torch.randn(2, 3, 4, 5), torch.randn(2, 6, 4, 5)[:, ::2], image(2, 3, 4, 5)[..., ::2], torch.randn(2, 3)):
        assert not triton_kernels.has_rows(x)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (2, 2, 0), (3, 1, 1), ((3, 2), (1, 2), (1, 0))])
def test_pooling(triton_kernels: Any, kernel: Any, stride: Any, padding: Any, ceil: bool) -> None:
    kernels = find_triton("windows")
    pools: list[tuple[Any, str]] = [
        (pooling.RowAvgPool2d(kernel, stride, padding, ceil, include), "mean" if include else "mean_inside")
        for include in (True, False)
    ]
    pools.append((pooling.RowMaxPool2d(kernel, stride, padding, 1, ceil_mode=ceil), "max"))
    for x in (image(2, 5, 7, 8), image(1, 70, 5, 6), image(2, 24, 7, 6)[:, :16]):
        for pool, kind in pools:
            torch.testing.assert_close(pooling._pool(pool, x, kernels, kind, 1), pool(x))
    dilated = pooling.RowMaxPool2d(3, 1, 1, 2)
    assert torch.equal(pooling._pool(dilated, x, kernels, "max", 2), dilated(x))
    hole = x.clone(memory_format=torch.channels_last)
    hole[0, 0, 0, 0] = torch.nan
    assert torch.equal(pooling._pool(pools[-1][0], hole, kernels, "max", 1).isnan(), pools[-1][0](hole).isnan())


@pytest.mark.parametrize("before", [None, "clamp", "scale", "scale_relu"])
@pytest.mark.parametrize("activation", [None, "relu", "hardswish"])
@pytest.mark.parametrize("full", [False, True])
def test_pointwise_convolutions(
    triton_kernels: Any, before: pointwise.Before | None, activation: Activation | None, full: bool
) -> None:
    for x in (image(2, 5, 3, 4), image(1, 70, 2, 3), image(2, 48, 3, 4)[:, :32]):
        conv = nn.Conv2d(x.shape[1], 20 if full else 130, 1, bias=full).requires_grad_(False)
        pair = torch.sort(image(2, x.shape[1], 1, 1), 0).values
        prepared = {
            None: x,
            "clamp": x.clamp(pair[0], pair[1]),
            "scale": x * pair[0] + pair[1],
            "scale_relu": functional.relu(x * pair[0] + pair[1]),
        }[before]
        made = conv(prepared)
        other = image(*made.shape) if full else None
        expected = REFERENCES[activation](made if other is None else made + other)
        got = pointwise.convolve(conv, x, other, activation, before, pair if before else None)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affine", [False, True])
def test_a_sum_and_its_layer_normalisation(triton_kernels: Any, affine: bool) -> None:
    for features in (5, 64, 130):
        x, other = torch.randn(2, 3, features), torch.randn(2, 3, features)
        norm = nn.LayerNorm(features, elementwise_affine=affine).requires_grad_(False)
        if affine:
            norm.weight.normal_()
            norm.bias.normal_()
        total, made = find_triton("norms").add_and_normalise(x, other, norm.weight, norm.bias, norm.eps)
        torch.testing.assert_close(total, x + other)
        torch.testing.assert_close(made, norm(x + other))


def test_the_image_is_rearranged_in_one_pass(triton_kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for conv in (nn.Conv2d(3, 8, 7, 2, 3), nn.Conv2d(3, 8, 3, 2), nn.Conv2d(4, 8, 5, 3, 2), nn.Conv2d(1, 8, 4, 4)):
        for x in (image(2, conv.in_channels, 17, 22), torch.randn(2, conv.in_channels, 18, 16)):
            made = space_to_depth.rearrange_image(x, conv)
            with monkeypatch.context() as patched:
                patched.setattr(available, "find_kernels", lambda name, x: None)
                assert torch.equal(made, space_to_depth.rearrange_image(x, conv))


def test_the_kernels_compile_for_a_card() -> None:
    """For compute capability 9.0, which needs no card; reads and writes of aligned rows are of 16 bytes."""
    triton = pytest.importorskip("triton", reason="needs Triton")
    env = {"PYTHONPATH": str(Path(triton.__file__).parent.parent), "TRITON_INTERPRET": "0"}
    done = run_python("-W", "error", "-m", "tests.codegen.compile_kernels", env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    compiled = json.loads(done.stdout)
    assert len(compiled) == 3 * (len(REFERENCES) + 3 + 3 + 2) + 2 * 4
    for name, accesses in compiled.items():
        wide = {"st.global.v4.b32"} if name.startswith("rearrange") else {"ld.global.v4.b32", "st.global.v4.b32"}
        assert wide <= set(accesses), name  # the image that is rearranged has three channels


def test_the_kernels_of_a_network_are_compiled_together() -> None:
    triton = pytest.importorskip("triton", reason="needs Triton")
    env = {"PYTHONPATH": str(Path(triton.__file__).parent.parent), "TRITON_INTERPRET": "0"}
    done = run_python("-m", "tests.codegen.compile_together", env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["CompiledKernel", "CompiledKernel"], [-1.0]]


def test_without_triton_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "import_triton", lambda: None)
    launching.compile_kernels(lambda: pytest.fail("there is nothing to compile"))


@pytest.mark.parametrize("sizes", [(7, 7), (8, 9), (30, 17)])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        (7, 2, 3),
        (3, 2, 1),
        (3, 2, 0),
        (5, 3, 2),
        (16, 16, 0),
        ((3, 5), (1, 2), (0, 4)),
        (4, 4, 1),
        (2, 2, 3),
        ((5, 3), (2, 3), (1, 0)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_space_to_depth_is_the_convolution(
    sizes: tuple[int, int], kernel: Any, stride: Any, padding: Any, channels: int
) -> None:
    conv = nn.Conv2d(channels, 5, kernel, stride, padding, dtype=torch.float64)
    x = torch.randn(2, channels, *sizes, dtype=torch.float64)
    try:
        expected = conv(x)
    except RuntimeError:
        return  # the kernel is larger than the image
    deep, weight = space_to_depth.rearrange_image(x, conv), space_to_depth.pack_weight(conv)
    assert deep.shape[1] == weight.shape[1] and deep.shape[1] % 8 == 0
    assert deep.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(functional.conv2d(deep, weight, conv.bias), expected, rtol=1e-12, atol=1e-12)


def pretend(name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces an op of cuDNN by one with the same schema and result, and returns the list of its calls."""
    schema, calls = getattr(torch.ops.aten, name).default._schema, []
    names = [argument.name for argument in schema.arguments]

    def run(*args: Any) -> Tensor:
        given = dict(zip(names, args, strict=True))
        calls.append(name)
        made = functional.conv2d(
            *(given[key] for key in ("self", "weight", "bias", "stride", "padding", "dilation", "groups"))
        )
        return functional.relu(made + given["alpha"] * given["z"] if "z" in given else made)

    monkeypatch.setattr(torch, name, run)
    return calls


@pytest.mark.parametrize("activation", REFERENCES)
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("has_other", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_the_calls_of_cudnn(
    activation: Activation | None, groups: int, has_other: bool, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = pretend(("cudnn_convolution_relu", "cudnn_convolution_add_relu")[has_other], monkeypatch)
    conv = nn.Conv2d(4, 8, 3, (2, 1), (1, 2), (1, 2), groups, bias).requires_grad_(False)
    x = image(2, 4, 9, 9)
    other = image(*conv(x).shape) if has_other else None
    expected = REFERENCES[activation](conv(x) + (0 if other is None else other))
    kept = image(*expected.shape)
    torch.testing.assert_close(cudnn.convolve(conv, x, None, other, activation), expected)
    assert other is None or torch.equal(other, kept)
    assert bool(calls) == (activation == "relu" and groups < 4)


def test_cudnn_on_an_image_that_is_rearranged(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend("cudnn_convolution_relu", monkeypatch)
    conv = nn.Conv2d(3, 8, 7, 2, 3).requires_grad_(False)
    x = image(2, 3, 32, 32)
    for activation in REFERENCES:
        made = cudnn.convolve(conv, x, space_to_depth.pack_weight(conv), None, activation)
        torch.testing.assert_close(made, REFERENCES[activation](conv(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "out", "groups"), [(96, 64, 32), (12, 24, 4), (10, 10, 2), (18, 12, 3), (40, 8, 8)]
)
def test_merged_groups_are_the_convolution(channels: int, out: int, groups: int) -> None:
    merged = merged_groups.count_merged(Conv(out=out, kernel=3, groups=groups), channels)
    conv = nn.Conv2d(channels, out, 3, groups=groups, dtype=torch.float64).requires_grad_(False)
    weight = merged_groups.pack_weight(conv, merged)
    x = torch.randn(2, channels, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(
        functional.conv2d(x, weight, conv.bias, groups=groups // merged), conv(x), rtol=1e-12, atol=1e-12
    )
    assert merged == 1 or (merged * channels // groups) % 8 == 0


def test_cudnn_on_merged_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend("cudnn_convolution_relu", monkeypatch)
    conv = nn.Conv2d(96, 64, 3, 2, 1, groups=32).requires_grad_(False)
    x = image(2, 96, 7, 8)
    for activation in REFERENCES:
        made = cudnn.convolve(conv, x, merged_groups.pack_weight(conv, 8), None, activation, 8)
        torch.testing.assert_close(made, REFERENCES[activation](conv(x)), rtol=1e-5, atol=1e-5)


def test_a_form_that_cudnn_refuses_is_computed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refuse(*_: Any) -> Tensor:
        tries.append(1)
        raise RuntimeError("unable to find an engine")

    monkeypatch.setattr(cudnn, "convolve", refuse)
    conv = FusedConv2d(4, 8, 3, activation="relu").requires_grad_(False)
    x = image(2, 4, 9, 9)
    expected = functional.relu(functional.conv2d(x, conv.weight, conv.bias))
    for _ in range(2):
        made = conv._on_cuda(x, None) if not conv._refused else conv(x)
        torch.testing.assert_close(made, expected)
    assert len(tries) == 1
    with pytest.raises(RuntimeError, match="to have 4 channels"):
        FusedConv2d(4, 8, 3)._on_cuda(image(1, 5, 9, 9), None)


def words(graph: Graph) -> set[str]:
    return {node.op.word for node in graph.ops}


@pytest.mark.parametrize(
    "load",
    networks(
        "resnet18", "cifar10_densenet_40_k12", "mobilenet_v2", slow=["densenet121", "googlenet", "vit_b_16", "dpn92"]
    ),
)
def test_the_network_for_a_gpu_is_the_same_function(load: Load) -> None:
    """On a CPU, where the kernels compute in steps, so that only the passes are compared."""
    arch = load()
    optimised = arch.optimize()
    graph = select_kernels(optimised.graph, CUDA)
    assert "fusedconv" in words(graph) and not {"clampchannels", "scaleshift"} & words(graph)
    plain = evaluated(arch, torch.float32)
    fast = build(graph_without_kernels(graph)).eval()
    fast.load_state_dict(optimised.map_weights(plain.state_dict()))
    given = tuple(one.float() for one in inputs(arch))
    assert distance(results(plain, given, torch.float32), results(fast, given, torch.float32)) < TOLERANCE


def graph_without_kernels(graph: Graph) -> Graph:
    """The graph, for which `build` selects no kernels again."""
    from dataclasses import replace

    return replace(graph, inference=False)


def test_what_a_gpu_is_given() -> None:
    """The stem is rearranged from space to depth, pools are where they cost least, and buffers where they save copies."""
    resnet = select_kernels(archspec.load("resnet50").optimize().graph, CUDA)
    stems = [node.name for node in resnet.ops if getattr(node.op, "deepens", False)]
    assert stems == ["conv1"]
    densenet = select_kernels(archspec.load("densenet121").optimize().graph, CUDA)
    kinds = [node.op.word for node in densenet.ops if node.name.startswith("features.transition1")]
    assert kinds == ["channelpair", "preparedconv", "rowavgpool"]
    assert sum(node.op.word == "grow" for node in densenet.ops) == 58
    mobile = select_kernels(archspec.load("mobilenet_v2").optimize().graph, CUDA)
    assert "relu6" not in words(mobile)
    dpn = select_kernels(archspec.load("dpn92").optimize().graph, CUDA)
    assert {node.op.merged for node in dpn.ops if isinstance(node.op, FusedConv)} == {1, 4, 8}
    vit = select_kernels(archspec.load("vit_b_16").optimize().graph, CUDA)
    assert not {"add", "layernorm", "gelu"} & words(vit)
