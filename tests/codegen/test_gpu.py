"""The same network on a CPU and on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import archspec
from archspec.codegen.fx import build as build_graph
from archspec.ir.graph import Graph
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


@pytest.mark.parametrize("name", ["cifar_resnet20_A", "cifar10_densenet_40_k12", "cifar10_wrn16_8"])
def test_an_optimised_network_on_a_gpu(name: str) -> None:
    arch = archspec.load(name)
    image = torch.randn(2, 3, 32, 32)
    plain = arch.build().eval()
    fast = arch.optimize().build("cuda").eval()
    with torch.inference_mode():
        expected = plain(image)
        torch.testing.assert_close(fast(image.cuda()).cpu(), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    weight = next(one for one in fast.parameters() if one.dim() == 4 and min(one.shape[:2]) > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
