"""Networks on a GPU: equal weights give equal outputs, whatever kernels compute them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import archspec
from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx.kernels import available, pooling
from archspec.ir.graph import Graph
from tests.codegen.test_kernels import drawn
from tests.hand import dense, recurrent, residual, transformer, two_stream

build: Callable[..., Any] = build_graph
"""Any, because a type checker cannot know the modules that a network has."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
]

GRAPHS = [residual(), dense(), recurrent(), two_stream(), transformer()]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_a_gpu_computes_what_a_cpu_does(graph: Graph) -> None:
    model = build(graph, dtype=torch.float64).eval()
    given = [torch.randn(2, *value.shape.sizes, dtype=torch.float64) for value in graph.inputs.values()]
    expected = model(*given)
    result = model.to("cuda")(*(tensor.cuda() for tensor in given))
    torch.testing.assert_close(result, expected, check_device=False)


def test_weights_are_made_on_the_gpu_and_its_generator_is_left_alone() -> None:
    torch.cuda.manual_seed(5)
    expected = torch.rand(3, device="cuda")
    torch.cuda.manual_seed(5)
    first, second = (build(residual(), device="cuda", seed=1).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(3, device="cuda"), expected)
    assert all(value.is_cuda for value in first.values())
    assert all(map(torch.equal, first.values(), second.values()))
    other = build(residual(), device="cuda", seed=2).state_dict()
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_training_on_a_gpu_in_mixed_precision() -> None:
    model = build(residual(), device="cuda").to(memory_format=torch.channels_last)
    image = torch.randn(4, 3, 8, 8, device="cuda").contiguous(memory_format=torch.channels_last)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = model(image).square().mean()
    loss.backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("dtype", "precision"), [(torch.float32, torch.bfloat16), (torch.bfloat16, None), (torch.float16, None)]
)
def test_norms_save_memory_in_every_precision(dtype: torch.dtype, precision: torch.dtype | None) -> None:
    arch = archspec.load("cifar10_densenet_40_k12")
    image = torch.randn(8, 3, 32, 32, device="cuda", dtype=dtype)
    gradients, peaks = [], []
    for way in (None, "norms"):
        model = build_graph(arch.graph, device="cuda", dtype=dtype, checkpoint=way)
        torch.cuda.reset_peak_memory_stats()
        with torch.autocast("cuda", dtype=precision, enabled=precision is not None):
            loss = model(image).float().square().mean()
        loss.backward()
        peaks.append(torch.cuda.max_memory_allocated())
        gradients.append([weight.grad.float() for weight in model.parameters() if weight.grad is not None])
        del model, loss
    assert peaks[1] < 0.7 * peaks[0]
    for expected, got in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, rtol=0.1, atol=0.05 * float(expected.abs().max()) + 1e-6)


FAMILIES = [
    *("cifar_resnet20_A", "cifar10_densenet_40_k12", "cifar10_wrn16_8", "resnet18", "resnext50_32x4d", "densenet121"),
    *("mobilenet_v2", "inception_v3", "googlenet", "vgg11_bn", "dpn92", "vit_b_16", "alexnet"),
]
ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 0.02, torch.float16: 0.004}
"""How much farther from the result in double precision than the plain network, relative to the largest output, other kernels may be."""


@pytest.fixture(autouse=True)
def _without_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def pair(arch: archspec.Architecture, dtype: torch.dtype, **options: Any) -> tuple[Any, Any]:
    """The plain and the optimised network on the GPU, with equal weights and the statistics of a batch."""
    plain: Any = settle(arch.build("cuda"), arch).to(dtype)
    fast = arch.optimize().build("cuda", dtype, weights=plain.state_dict(), **options).eval()
    return plain.to(memory_format=torch.channels_last), fast


def settle(model: Any, arch: archspec.Architecture) -> Any:
    """The model in eval mode with the statistics of a batch and no weights of zeros, so that no values vanish or overflow."""
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)):
        norm.momentum = None
    with torch.no_grad():
        for weight in model.parameters():
            if not weight.any():
                weight.normal_(std=0.02)
        model.train()(*images(arch, torch.float32, 8))
    return model.eval()


def check_as_exact(got: Any, plain: Any, exact: Any, dtype: torch.dtype) -> None:
    """Checks that results are about as near to those in double precision as the plain network's."""
    results = zip(*(value if isinstance(value, tuple) else (value,) for value in (got, plain, exact)), strict=True)
    for one, other, right in results:
        scale = float(right.abs().max())
        off, usual = (float((value.double() - right).abs().max()) / scale for value in (one, other))
        assert off <= 2 * usual + ROUNDING[dtype], (off, usual)


def check_equal(got: Any, expected: Any) -> None:
    """Checks that two ways to compute in single precision are equal up to rounding."""
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def images(arch: archspec.Architecture, dtype: torch.dtype, batch: int = 2) -> list[torch.Tensor]:
    sizes = [value.shape.sizes for value in arch.graph.inputs.values()]
    return [torch.randn(batch, *size, device="cuda").to(dtype, memory_format=torch.channels_last) for size in sizes]


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("name", FAMILIES)
def test_an_optimised_network_on_a_gpu(name: str, dtype: torch.dtype) -> None:
    arch = archspec.load(name)
    plain, fast = pair(arch, dtype)
    exact = copy.deepcopy(plain).double()
    with torch.inference_mode():
        for batch in (1, 3):
            given = images(arch, dtype, batch)
            expected, right = plain(*given), exact(*(value.double() for value in given))
            for layout in (torch.channels_last, torch.contiguous_format):
                same = [value.contiguous(memory_format=layout) for value in given]
                check_as_exact(fast(*same), expected, right, dtype)
                with available.preparing_capture():  # with all kernels, also on little data
                    check_as_exact(fast(*same), expected, right, dtype)
    refused = [path for path, module in fast.named_modules() if getattr(module, "_refused", False)]
    assert not refused, f"cuDNN has no kernel for {refused}"


@pytest.mark.parametrize("dtype", ROUNDING)
def test_random_networks_on_a_gpu(dtype: torch.dtype) -> None:
    for seed in range(40):
        plain = build(drawn(seed), device="cuda", dtype=dtype).eval()
        fast = build(replace(drawn(seed).freeze(), inference=True), device="cuda", dtype=dtype).eval()
        fast.load_state_dict(plain.state_dict())
        image = torch.randn(2, 4, 5, 5, device="cuda").to(dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            expected = plain(image)
            with available.preparing_capture():
                got = fast(image)
            check_as_exact(got, expected, plain.double()(image.double()), dtype)


def test_the_kernels_of_triton_on_a_gpu() -> None:
    kernels = pytest.importorskip("archspec.codegen.fx.kernels.triton_channels", reason="needs Triton")
    whole = torch.randn(2, 48, 9, 7, device="cuda").contiguous(memory_format=torch.channels_last)
    for x in (whole, whole[:, :30], whole[:, :30].half(), whole.bfloat16()[:, :5]):
        pair_ = torch.randn(2, x.shape[1], 1, 1, device="cuda", dtype=x.dtype).sort(0).values
        torch.testing.assert_close(kernels.clamp_channels(x, pair_), torch.clamp(x, pair_[0], pair_[1]))
        scaled = (x.float() * pair_[0].float() + pair_[1].float()).relu().to(x.dtype)
        torch.testing.assert_close(kernels.scale_channels(x, pair_, relu=True), scaled)


@pytest.mark.parametrize("name", ["cifar_resnet20_A", "resnet18", "densenet121", "mobilenet_v2", "vit_b_16"])
def test_cuda_graphs_give_what_the_network_gives(name: str) -> None:
    arch = archspec.load(name)
    plain, fast = pair(arch, torch.float32, graph=True)
    with torch.inference_mode():
        for batch in (1, 2, 1, 2):
            given = images(arch, torch.float32, batch)
            check_equal(fast(*given), plain(*given))
    assert len(fast._graphs._captures) == 2


def test_cuda_graphs_see_changed_weights_and_other_streams() -> None:
    arch = archspec.load("cifar_resnet20_A")
    _, fast = pair(arch, torch.float32, graph=True)
    (image,) = images(arch, torch.float32)
    with torch.inference_mode():
        first = fast(image)
        kept = first.clone()
    with torch.no_grad():
        fast.fc.weight.zero_()
        fast.fc.bias.zero_()
        assert not fast(image).any()
        next(fast.parameters()).mul_(2)
    with torch.inference_mode():
        assert not fast(image).any() and torch.equal(first, kept)
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            other = fast(image)
        torch.cuda.current_stream().wait_stream(stream)
        assert torch.equal(other, fast(image))


def test_cuda_graphs_and_gradients() -> None:
    arch = archspec.load("cifar_resnet20_A")
    model = arch.build("cuda", graph=True)
    (image,) = images(arch, torch.float32)
    with pytest.warns(archspec.CudaGraphWarning, match="gradients are recorded"):
        model(image).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


@pytest.mark.parametrize("checkpoint", ["norms", "blocks"])
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_checkpoints_under_autocast_are_as_close_as_two_plain_steps(checkpoint: Any, precision: torch.dtype) -> None:
    arch = archspec.load("cifar10_densenet_40_k12")
    (image,) = images(arch, torch.float32, 8)
    gradients = []
    for way in (None, None, checkpoint):
        model: Any = arch.build("cuda", checkpoint=way)
        model.to(memory_format=torch.channels_last)
        scaler = torch.amp.GradScaler("cuda", enabled=precision is torch.float16)
        with torch.autocast("cuda", dtype=precision):
            loss = model(image).float().square().mean()
        scaler.scale(loss).backward()
        gradients.append(torch.cat([weight.grad.flatten().float() for weight in model.parameters()]))
    between, apart = (gradients[0] - gradients[1]).norm(), (gradients[0] - gradients[2]).norm()
    assert apart <= between + 0.02 * gradients[0].norm()


def test_the_weights_of_an_optimised_network_have_their_channels_last() -> None:
    _, fast = pair(archspec.load("cifar_resnet20_A"), torch.float32)
    weight = next(one for one in fast.parameters() if one.dim() == 4 and min(one.shape[:2]) > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_capture_that_fails_leaves_random_numbers_usable() -> None:
    arch = archspec.load("cifar_resnet20_A")
    _, fast = pair(arch, torch.float32, graph=True)
    (image,) = images(arch, torch.float32)

    def read(x: torch.Tensor) -> torch.Tensor:
        return torch.rand(1, device="cuda") + x.sum().item()

    with torch.inference_mode(), pytest.warns(archspec.CudaGraphWarning, match="it cannot be captured"):
        fast._graphs(fast, read, (image,))
    assert torch.rand(3, device="cuda").isfinite().all()
    with torch.inference_mode():
        check_equal(fast(image + 1), fast(image + 1))


@pytest.mark.parametrize("name", ["cifar10_densenet_40_k12", "vit_b_16", "googlenet"])
def test_an_optimised_network_in_double_precision(name: str) -> None:
    """No kernel computes in less."""
    arch = archspec.load(name)
    plain, fast = pair(arch, torch.float64)
    with torch.inference_mode():
        given = images(arch, torch.float64)
        results = [value if isinstance(value, tuple) else (value,) for value in (fast(*given), plain(*given))]
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", ROUNDING)
def test_pooling_on_a_gpu(dtype: torch.dtype) -> None:
    """Of values that are large enough for the kernels, whole and as a part of a larger buffer."""
    whole = torch.randn(24, 80, 64, 63, device="cuda").to(dtype, memory_format=torch.channels_last)
    for x in (whole, whole[:, :72], whole.contiguous()):
        assert x.numel() >= available.LEAST
        for pool in (
            pooling.RowMaxPool2d(3, 2, 1),
            pooling.RowMaxPool2d(2, 2, ceil_mode=True),
            pooling.RowAvgPool2d(2, 2),
            pooling.RowAvgPool2d(3, 1, 1, count_include_pad=False),
            pooling.RowAvgPool2d(3, 2, 1, ceil_mode=True),
        ):
            plain: Any = torch.nn.MaxPool2d if isinstance(pool, torch.nn.MaxPool2d) else torch.nn.AvgPool2d
            with torch.inference_mode():
                torch.testing.assert_close(pool(x), plain.forward(pool, x))
