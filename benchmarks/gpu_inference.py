"""Measures one network in inference on a GPU in several ways; as a program, it prints the seconds to the first result: `python -m benchmarks.gpu_inference TITLE BATCH KIND`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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
TOLERANCE = 0.06
"""The tolerance in bfloat16, relative to the largest output."""

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


def measure_network(network: Network, device: Device, batch: int, rounds: int, backend: str | None) -> Measured:
    """Measures all ways except the compiled one; with a `backend`, only that one and the fastest of ours."""
    arch = network.load()
    runs = prepare_runs(network, arch, device.kind, batch, backend)
    with torch.inference_mode():
        check_outputs(network.title, runs)
        seconds = medians_on(runs, device.kind, rounds)
    floor = 2 * 2 * batch * count_results(arch) / device.bandwidth
    return Measured(network.title, batch, device, seconds, 2.0 * arch.macs * batch, floor)


def prepare_runs(network: Network, arch: Architecture, kind: str, batch: int, backend: str | None) -> dict[str, Run]:
    ours, twin = network.pair()
    weights = ours.state_dict()
    images = network.images(batch).to(kind, torch.bfloat16, memory_format=torch.channels_last)
    graph = kind == "cuda"
    fast = arch.optimize()
    models: dict[str, Any] = {"peer, eager": twin}
    if backend is None:
        models |= {"plain": ours, "optimised": fast.build(kind, torch.bfloat16, weights=weights)}
    models["optimised with graph"] = fast.build(kind, torch.bfloat16, weights=weights, graph=graph)
    for model in models.values():
        model.to(device=kind, dtype=torch.bfloat16, memory_format=torch.channels_last).eval()
    if backend is not None:
        torch.compiler.reset()
        mode = "reduce-overhead" if backend == "inductor" else None
        models[PEER_COMPILED] = torch.compile(twin, dynamic=False, backend=backend, mode=mode)
    return {way: bind(model, images) for way, model in models.items()}


def bind(model: Callable[[Tensor], Tensor], images: Tensor) -> Run:
    return lambda: model(images)


def check_outputs(title: str, runs: Mapping[str, Run]) -> None:
    expected, *others = [(way, run().float().clone()) for way, run in runs.items()]
    for way, output in others:
        off = ((output - expected[1]).abs().max() / expected[1].abs().max()).item()
        assert off <= TOLERANCE, f"{title}, {way}: off by {off:.1e}"


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


if __name__ == "__main__":
    print(json.dumps(time_first_answer(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
