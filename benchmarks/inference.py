"""Inference on the CPU, compared with other ways to run the same network."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.measure import RATIO, Ratio, medians, shown
from benchmarks.networks import NETWORKS, SMALL, Network
from benchmarks.page import Section, Table
from benchmarks.ways import COMPILED, EAGER, OPTIMISED, PEERS, PLAIN, WAYS, Case, Ready, ready

ABOUT = """
One forward pass in eval mode at float32, for 1 image and for 8, of 224×224 pixels (Inception-v3: 299×299). *archspec* is what
`archspec.load(name).build()` gives, *optimised* what `archspec.load(name).optimize(for_="inference").build()` gives, *compiled* that
after `torch.compile` with inductor's freezing (for 8 images only). The peers: *eager*, the model of torchvision (DPN-92: timm); `torch.fx.experimental.optimization.fuse` of it,
in channels_last, with images that are in it already; `torch.compile` of it with inductor's freezing; OpenVINO (precision hint f32)
and onnxruntime with the network as ONNX. All have the same weights, the same images and the same number of threads, and all must
give eager's output within a thousandth before they are timed; one that does not, or that cannot run the network, is left out and
named.
"""


@dataclass(frozen=True)
class Timing:
    """The times of each way to run one network at one batch size: seconds of a pass, seconds to prepare it, or why it is left out."""

    title: str
    seconds: Mapping[str, float]
    preparing: Mapping[str, float]
    failed: Mapping[str, str] = field(default_factory=dict)

    def ratio(self, ours: str, peer: str, aim: float | None) -> tuple[str, ...]:
        return Ratio(self.title, peer, self.seconds[ours], self.seconds[peer], aim).cells

    def best(self) -> str:
        return min((EAGER, *(name for name in PEERS if name in self.seconds)), key=self.seconds.__getitem__)

    def ratios(self) -> tuple[str, ...]:
        ours = self.seconds[OPTIMISED]
        peers = (self.seconds.get(name) for name in (EAGER, *PEERS))
        return self.title, *("left out" if peer is None else f"{ours / peer:.2f}" for peer in peers)

    def row(self, of: Mapping[str, float]) -> tuple[str, ...]:
        missing = dict.fromkeys(self.failed, "left out")
        return self.title, *(shown(of[name]) if name in of else missing.get(name, "–") for name in WAYS)


def measure(quick: bool) -> Iterator[Table]:
    timings = [timing for network in ((SMALL,) if quick else NETWORKS) for timing in run(network, quick)]
    yield Table(
        ("one pass", *WAYS), [one.row(one.seconds) for one in timings], "Everything, in milliseconds or seconds:"
    )
    plain = [one.ratio(PLAIN, EAGER, 1.0) for one in timings]
    yield Table(RATIO, plain, "The plain build against the same network written by hand:")
    optimised = [one.ratio(OPTIMISED, EAGER, 0.7 if one.title.endswith("8") else None) for one in timings]
    yield Table(RATIO, optimised, "The optimised build against eager torchvision or timm:")
    best = [one.ratio(OPTIMISED, one.best(), 1.1) for one in timings]
    yield Table(RATIO, best, "The optimised build against the best of all peers:")
    compiled = [one.ratio(COMPILED, one.best(), None) for one in timings if COMPILED in one.seconds]
    yield Table(RATIO, compiled, "The same, after `torch.compile` with freezing, against the best of all peers:")
    each = [one.ratios() for one in timings]
    yield Table(("optimised / peer", EAGER, *PEERS), each, "The optimised build's time divided by each peer's:")
    rows = [one.row(one.preparing) for one in timings]
    yield Table(("first pass", *WAYS), rows, "What it costs to get there: preparing, compiling and the first pass.")
    if failed := [(one.title, name, why) for one in timings for name, why in one.failed.items()]:
        yield Table(("network", "way", "why it is left out"), failed)


def run(network: Network, quick: bool) -> Iterator[Timing]:
    with tempfile.TemporaryDirectory() as folder:
        case = Case.of(network, Path(folder))
        for batch in (2,) if quick else (1, 8):
            yield timing(f"{network.title}, batch {batch}", case, network.images(batch), 2 if quick else 7)
            gc.collect()


def timing(title: str, case: Case, images: Tensor, rounds: int) -> Timing:
    torch.compiler.reset()  # forget the code compiled for other networks and batches
    expected = WAYS[EAGER](case, images)()
    ways = {name: way for name, way in WAYS.items() if name != COMPILED or len(images) > 1}
    tried = {name: ready(way, case, images, expected) for name, way in ways.items()}
    able = {name: one for name, one in tried.items() if isinstance(one, Ready)}
    failed = {name: one for name, one in tried.items() if isinstance(one, str)}
    assert {PLAIN, EAGER, OPTIMISED} <= able.keys(), failed
    seconds = medians({name: one.run for name, one in able.items()}, rounds)
    print(title, {name: shown(value) for name, value in seconds.items()}, failed or "", flush=True)
    return Timing(title, seconds, {name: one.seconds for name, one in able.items()}, failed)


SECTION = Section(
    "inference",
    "Inference on the CPU",
    ABOUT,
    measure,
    ("torch", "torchvision", "timm", "openvino", "onnxruntime"),
)
