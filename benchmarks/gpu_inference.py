"""Measures one network in inference on a GPU in several ways; as a program, it prints the seconds to the first result.

`python -m benchmarks.gpu_inference TITLE BATCH KIND`; with `compile` for the kind, it only fills the compiler's cache.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archspec import Architecture
from benchmarks.gpu_device import Device, medians_on
from benchmarks.networks import NETWORKS, SMALL, Network, torchvision_model

GPU_NETWORKS = (
    *NETWORKS,
    Network("MobileNetV2", "mobilenet_v2", lambda: torchvision_model("mobilenet_v2")),
    Network("ViT-B/16", "vit_b_16", lambda: torchvision_model("vit_b_16")),
    Network("VGG-16 with norms", "vgg16_bn", lambda: torchvision_model("vgg16_bn")),
)
AIMED = ("ResNet-50", "ResNeXt-50 (32×4d)", "DenseNet-121", "Inception-v3")
"""The networks with an aim of their own."""
PEER_COMPILED = "peer, compiled"
TOLERANCE = 0.02
"""How much farther from the result in float32 than eager's, relative to the largest output, a result may be."""

Run = Callable[[], Tensor]


@dataclass(frozen=True)
class Measured:
    """Seconds of a pass of a network at one batch size, by way."""

    title: str
    batch: int
    device: Device
    seconds: Mapping[str, float]
    flops: float
    """The floating-point operations of one pass."""
    floor: float
    """Seconds to write and read each result once."""


def measure_network(
    network: Network, device: Device, batches: Sequence[int], rounds: int, backend: str | None
) -> Iterator[Measured]:
    """Measures all ways in turns; the compiled one, with a `backend`, at the largest and the smallest batch."""
    arch = network.load()
    models = prepare_models(network, arch, device.kind)
    for batch in batches:
        images = network.images(batch).to(device.kind, torch.bfloat16, memory_format=torch.channels_last)
        ways = dict(models)
        if backend is not None and batch in (min(batches), max(batches)):
            ways[PEER_COMPILED] = compile_peer(models["peer, eager"], backend)
        runs = {way: bind(model, images) for way, model in ways.items()}
        with torch.inference_mode():
            check_outputs(network.title, models["peer, eager"], images, runs)
            seconds = medians_on(runs, device.kind, rounds)
        floor = 2 * 2 * batch * count_results(arch) / device.bandwidth
        yield Measured(network.title, batch, device, seconds, 2.0 * arch.macs * batch, floor)


def prepare_models(network: Network, arch: Architecture, kind: str) -> dict[str, Any]:
    """The ways that need no compiler, with equal weights."""
    ours, twin = network.pair()
    weights, fast = ours.state_dict(), arch.optimize()
    models: dict[str, Any] = {
        "peer, eager": twin,
        "plain": ours,
        "optimised": fast.build(kind, torch.bfloat16, weights=weights),
        "optimised with graph": fast.build(kind, torch.bfloat16, weights=weights, graph=kind == "cuda"),
    }
    for model in models.values():
        model.to(device=kind, dtype=torch.bfloat16, memory_format=torch.channels_last).eval()
    return models


def compile_peer(twin: Any, backend: str) -> Callable[[Tensor], Tensor]:
    torch.compiler.reset()
    mode = "reduce-overhead" if backend == "inductor" else None
    compiled: Callable[[Tensor], Tensor] = torch.compile(twin, dynamic=False, backend=backend, mode=mode)
    return compiled


def bind(model: Callable[[Tensor], Tensor], images: Tensor) -> Run:
    return lambda: model(images)


def check_outputs(title: str, twin: nn.Module, images: Tensor, runs: Mapping[str, Run]) -> None:
    """Checks that all ways are about as near to the result in float32 as eager's in bfloat16 is."""
    exact = copy.deepcopy(twin).float()(images.float())
    off = {way: float((run().float() - exact).abs().max() / exact.abs().max()) for way, run in runs.items()}
    for way, distance in off.items():
        assert distance <= 2 * off["peer, eager"] + TOLERANCE, f"{title}, {way}: off by {distance:.1e}"


def count_results(arch: Architecture) -> int:
    """The number of output elements of convolutions, pools and linear layers for one image."""
    counted = (node for node in arch.graph.ops if node.op.category in {"conv", "linear", "pool"})
    return sum(shape.numel for node in counted for shape in node.output_shapes)


def time_first_answer(title: str, batch: int, kind: str) -> float:
    """Seconds from `build` to the end of the first pass on an initialised device."""
    network = next(known for known in (*GPU_NETWORKS, SMALL) if known.title == title)
    images = network.images(batch).to(kind, torch.bfloat16, memory_format=torch.channels_last)
    arch = network.load().optimize()
    wait(kind)
    start = time.perf_counter()
    model = arch.build(kind, torch.bfloat16, graph=kind == "cuda").eval()
    with torch.inference_mode():
        model(images)
    wait(kind)
    return time.perf_counter() - start


def wait(kind: str) -> None:
    if kind == "cuda":
        torch.cuda.synchronize()


def fill_cache(title: str, batch: int) -> None:
    """Compiles the peer, of which the compiler keeps the result on disk."""
    network = next(known for known in GPU_NETWORKS if known.title == title)
    twin: Any = network.peer()
    twin.to(device="cuda", dtype=torch.bfloat16, memory_format=torch.channels_last).eval()
    images = network.images(batch).to("cuda", torch.bfloat16, memory_format=torch.channels_last)
    with torch.inference_mode():
        compile_peer(twin, "inductor")(images)


if __name__ == "__main__":
    title, batch, kind = sys.argv[1:]
    if kind == "compile":
        fill_cache(title, int(batch))
    else:
        print(json.dumps(time_first_answer(title, int(batch), kind)))
