"""Inference on a GPU: images per second, and the share of the card's peak."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks.compiling import cold_start
from benchmarks.measure import medians
from benchmarks.networks import NETWORKS, SMALL, Network
from benchmarks.page import Section, Table

ABOUT = """
One forward pass in eval mode, in bfloat16 and channels-last, from equal weights. *CUDA graphs* is
`torch.compile(mode="reduce-overhead")`. The share is 2 × MACs × images per second, of what a product of two large bfloat16 matrices
reaches on the same card. Below it, how long compiling takes from cold, as in the section before.
"""

Run = Callable[[], Tensor]
EAGER = "peer, eager"
BATCH, MATRIX = 128, 8192
TOLERANCE = 0.05
"""The tolerance in bfloat16, relative to the largest output."""


def measure(quick: bool) -> Iterator[Table]:
    if quick:
        yield throughput([SMALL], "cpu", batch=2, matrix=64, rounds=2, backend="aot_eager")
        return
    if not torch.cuda.is_available():
        yield Table(("GPU", "why not"), [("inference and compiling on a GPU", "no GPU on this machine: not measured")])
        return
    yield throughput(NETWORKS, "cuda", BATCH, MATRIX, rounds=15, backend="inductor")
    yield from cold_start("resnet152", 224, 32, "cuda", "inductor")


def throughput(networks: Sequence[Network], device: str, batch: int, matrix: int, rounds: int, backend: str) -> Table:
    peak = peak_flops(device, matrix)
    columns = ("network", "way", "images / s", "share of the peak", "time / peer's, eager")
    rows = [row for network in networks for row in rates(network, device, batch, rounds, backend, peak)]
    card = torch.cuda.get_device_name() if device == "cuda" else "this processor"
    return Table(columns, rows, f"Batch {batch}; {card} reaches {peak / 1e12:.3g} TFLOP/s in a matrix product.")


def rates(
    network: Network, device: str, batch: int, rounds: int, backend: str, peak: float
) -> Iterator[tuple[str, ...]]:
    arch = network.load()
    with torch.inference_mode():
        works = ways(network, device, batch, backend)
        expected = works[EAGER]().float()
        for name, run in works.items():
            off = ((run().float() - expected).abs().max() / expected.abs().max()).item()
            assert off <= TOLERANCE, f"{network.title}, {name}: off by {off:.1e}"
        seconds = medians({name: synchronous(run, device) for name, run in works.items()}, rounds)
    for name, value in seconds.items():
        share = 2 * arch.macs * batch / value / peak
        ratio = f"{value / seconds[EAGER]:.2f}"
        yield network.title, name, f"{batch / value:,.0f}", f"{share:.0%}", ratio


def ways(network: Network, device: str, batch: int, backend: str) -> Mapping[str, Run]:
    ours, twin = (placed(model, device) for model in network.pair())
    images = network.images(batch).to(device, torch.bfloat16, memory_format=torch.channels_last)
    torch.compiler.reset()
    compiled = torch.compile(copy.deepcopy(ours), dynamic=False, backend=backend)
    mode = "reduce-overhead" if backend == "inductor" else None
    graphed = torch.compile(copy.deepcopy(ours), dynamic=False, backend=backend, mode=mode)
    models: Mapping[str, Callable[[Tensor], Tensor]] = {
        EAGER: twin,
        "archspec, eager": ours,
        "archspec, `torch.compile`": compiled,
        "archspec, CUDA graphs": graphed,
    }
    return {name: runner(model, images) for name, model in models.items()}


def runner(model: Callable[[Tensor], Tensor], images: Tensor) -> Run:
    return lambda: model(images)


def placed(model: nn.Module, device: str) -> nn.Module:
    return model.to(device=device, dtype=torch.bfloat16, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def synchronous(run: Callable[[], object], device: str) -> Callable[[], None]:
    def work() -> None:
        run()
        if device == "cuda":
            torch.cuda.synchronize()

    return work


def peak_flops(device: str, size: int) -> float:
    """The floating-point operations per second of the fastest of several products of square bfloat16 matrices."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    work = synchronous(lambda: left @ right, device)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


SECTION = Section("gpu", "Inference on a GPU", ABOUT, measure, ("torch", "torchvision", "timm"))
