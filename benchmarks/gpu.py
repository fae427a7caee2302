"""Networks on a GPU, compared with eager and compiled torchvision and timm: inference, first result, training steps, cold compilation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from benchmarks.compiling import cold_start
from benchmarks.gpu_device import Device, Stopwatch
from benchmarks.gpu_inference import AIMED, GPU_NETWORKS, PEER_COMPILED, Measured, measure_network
from benchmarks.gpu_training import measure_training
from benchmarks.measure import RATIO, Ratio, answer, shown
from benchmarks.networks import SMALL, Network
from benchmarks.page import Section, Table

ABOUT = """
Everything runs in bfloat16 with the channels last and from equal weights; times are medians in turns, by events of CUDA. *Optimised* is
`arch.optimize().build("cuda", dtype=torch.bfloat16)`, *with graph* the same with `graph=True`; the peers are torchvision's and timm's
modules, *compiled* is `torch.compile(mode="reduce-overhead")`, which captures CUDA graphs, too. The *share of the peak* is 2 × MACs ×
images per second, of what a product of two large matrices reaches on the same card. The *floor* is the time to write and read each
result of a convolution, pool or linear layer once at the speed of a copy. The first answer is that of a fresh process that has
touched the card: from `build` to the end of the first pass. The peers are compiled before they are measured, all at once. A training step is forward, cross-entropy and backward under
`torch.autocast`; memory is what it allocates at most beyond the weights.

`make bench ARGS=gpu` takes at most eight minutes: what it has no time for it names.
"""

SECONDS = 420.0
BATCHES = (128, 8, 1)


@dataclass(frozen=True)
class Plan:
    """The networks and devices to measure; tiny networks on the CPU only check that it runs."""

    networks: Sequence[Network]
    batches: Sequence[int]
    rounds: int
    warm_ups: int
    training: Sequence[str]
    training_batch: int
    backend: str


CARD = Plan(GPU_NETWORKS, BATCHES, 15, 3, ("resnet50", "densenet121"), 64, "inductor")
QUICK = Plan((SMALL,), (2,), 1, 0, ("small",), 2, "aot_eager")


def measure(quick: bool) -> Iterator[Table]:
    if not quick and not torch.cuda.is_available():
        yield Table(
            ("GPU", "why not"), [("inference, training and compiling on a GPU", "no GPU on this machine: not measured")]
        )
        return
    plan, watch = (QUICK if quick else CARD), Stopwatch(SECONDS)
    device = Device.find(matrix=64 if quick else 8192)
    yield device.describe()
    with tempfile.TemporaryDirectory() as cache, _compiler_cache(cache):
        if not quick:
            _compile_ahead(plan)
        first = list(_measure_first_answers(plan, device, watch))
        yield Table(RATIO, first, "From `build` to the first answer, in a fresh process without cached kernels:")
        yield from measure_training(plan.training, device, plan.training_batch, plan.rounds, plan.warm_ups, watch)
        results = list(_measure_networks(plan, device, watch))
        yield _show_rates(results)
        yield Table(RATIO, list(_judge_inference(results)), "Inference, judged:")
    if watch.allows(90, "compiling from cold") and not quick:
        yield from cold_start("resnet152", 224, 32, "cuda", "inductor")
    if watch.left_out:
        yield Table(("left out",), [(name,) for name in watch.left_out], "There was no time for:")


@contextmanager
def _compiler_cache(folder: str) -> Iterator[None]:
    """The caches of torch's compiler in a folder, for this process and those that it starts."""
    names = {"TORCHINDUCTOR_CACHE_DIR": folder, "TRITON_CACHE_DIR": f"{folder}/triton"}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def _compile_ahead(plan: Plan) -> None:
    """Compiles all peers at once, each in a process, so that the measurements find the results in the cache."""
    batches = {max(plan.batches), min(plan.batches)}
    commands: list[tuple[str, ...]] = [
        ("gpu_inference", network.title, str(batch), "compile") for network in plan.networks for batch in batches
    ]
    commands += [
        ("gpu_training", f"{name}{way}", str(plan.training_batch)) for name in plan.training for way in ("", ", peer")
    ]
    threads = str(max(1, (os.cpu_count() or 1) // 8))
    env = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": threads, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([sys.executable, "-m", f"benchmarks.{module}", *arguments], env=env)
        for module, *arguments in commands
    ]
    for process in started:
        process.wait()


def _measure_networks(plan: Plan, device: Device, watch: Stopwatch) -> Iterator[Measured]:
    for network in plan.networks:
        if watch.allows(20, network.title):
            try:
                for result in measure_network(network, device, plan.batches, plan.rounds, plan.backend):
                    print(result.title, result.batch, dict(result.seconds), file=sys.stderr, flush=True)
                    yield result
            except (AssertionError, RuntimeError) as error:
                watch.left_out.append(f"{network.title}: {error}")


def _show_rates(results: Sequence[Measured]) -> Table:
    rows = []
    for result in results:
        for way, time in result.seconds.items():
            cells = (
                shown(time),
                f"{result.batch / time:,.0f}",
                f"{result.flops / time / result.device.flops:.0%}",
                f"{time / result.floor:.1f}",
            )
            rows.append((result.title, str(result.batch), way, *cells))
    return Table(("network", "batch", "way", "a pass", "images / s", "share of the peak", "time / floor"), rows)


def _judge_inference(results: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    for result in results:
        where = f"{result.title}, batch {result.batch}"
        times = result.seconds
        if PEER_COMPILED in times:
            strict = {128: 0.85, 1: 0.65} if result.title in AIMED else {}
            aim = strict.get(result.batch, 1.0)
            yield Ratio(
                f"{where}: optimised with graph", "compiled", times["optimised with graph"], times[PEER_COMPILED], aim
            ).cells
        yield Ratio(f"{where}: optimised", "plain", times["optimised"], times["plain"], 1.0).cells
        yield Ratio(f"{where}: plain", "eager", times["plain"], times["peer, eager"], 1.0).cells
        if result.title == "ResNet-50" and result.batch == 128:
            yield Ratio(
                f"{where}: optimised with graph", "floor", times["optimised with graph"], result.floor, 2.2
            ).cells


def _measure_first_answers(plan: Plan, device: Device, watch: Stopwatch) -> Iterator[tuple[str, ...]]:
    """Seconds to our first result, each in a new process, compared with the aim of two."""
    for network in plan.networks[:4]:
        if not watch.allows(20, f"the first answer of {network.title}"):
            continue
        with tempfile.TemporaryDirectory() as cache:
            arguments = (network.title, str(max(plan.batches)), device.kind)
            try:
                seconds = answer(
                    "-m", "benchmarks.gpu_inference", *arguments, env=os.environ | {"TRITON_CACHE_DIR": cache}
                )
            except RuntimeError as error:
                watch.left_out.append(f"the first answer of {network.title}: {error}")
            else:
                yield Ratio(f"{network.title}: optimised with graph", "2 s", seconds, 2.0, 1.0).cells


SECTION = Section("gpu", "On a GPU", ABOUT, measure, ("torch", "torchvision", "timm"))
