"""Every bundled network in inference on the CPU: the optimised build beside the plain one."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

import archspec
from archspec.codegen.fx.trial import make_noise
from archspec.spec.zoo import ZooEntry, load_zoo
from benchmarks.gpu_device import Stopwatch
from benchmarks.measure import RATIO, Ratio
from benchmarks.page import Section, Table

ABOUT = """
One forward pass of each bundled network in eval mode at float32, for one input of its own size: `archspec.load(name).optimize().build()`
beside `archspec.load(name).build()`, in turns. Times are the processor's in one thread, which other programs on the machine change less
than the clock's; of each network the medians count. One that seems slower than its plain build is measured again, up to three times as
long, and all its passes count. The cheapest network of each family comes first, then the second of each, and so on until the time is over;
those that a pass or the memory does not suffice for are named. The ratio of each network is in `benchmarks/results/zoo.json`.
"""

SECONDS = 600.0
"""Wall clock time of the section."""
SHARE = 0.8
"""Seconds of the processor for one measurement of a network."""
FEWEST, MOST, AGAIN = 3, 9, 3
"""Rounds of a measurement, and how often one is repeated whose network seems slower."""
LONGEST = 20.0
"""Seconds of a pass of a network that is measured."""
COPIES = 4
"""Networks in memory at once: plain, optimised, and what the latter is folded from, with room for values."""


@dataclass
class Timing:
    """The processor seconds of the passes of one network."""

    name: str
    family: str
    plain: list[float] = field(default_factory=list)
    optimised: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> Ratio:
        medians = statistics.median(self.optimised), statistics.median(self.plain)
        return Ratio(self.name, "plain", *medians, aim=1.0)

    @property
    def seems_slower(self) -> bool:
        return self.ratio.met == "no"


def measure(quick: bool) -> Iterator[Table]:
    names = ("highway_mnist_fc10", "cifar_resnet20_A") if quick else None
    watch, left_out = Stopwatch(SECONDS), list[tuple[str, str]]()
    timings: list[Timing] = []
    with _one_thread():
        for entry in order_networks():
            if names is not None and entry.name not in names:
                continue
            if not watch.allows(0):
                break
            timing = _find_obstacle(entry.params) or time_network(entry.name, entry.family)
            if isinstance(timing, str):
                left_out.append((entry.name, timing))
                continue
            timings.append(timing)
            print(*timing.ratio.cells, flush=True)
    yield _summarise([timing.ratio.ratio for timing in timings])
    yield _show_families(timings)
    slowest = sorted(timings, key=lambda timing: -timing.ratio.ratio)
    yield Table(RATIO, [timing.ratio.cells for timing in slowest], "Every network:", on_page=False)
    if left_out:
        yield Table(("network", "why it is left out"), left_out)


def order_networks() -> list[ZooEntry]:
    """The networks, by their rank in their family by multiplications, so that the first ones are of all families."""
    ranks: Counter[str] = Counter()
    ranked = []
    for entry in sorted(load_zoo(), key=lambda entry: (entry.macs, entry.name)):
        ranked.append((ranks[entry.family], entry))
        ranks[entry.family] += 1
    return [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])]


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread, and numbers below the normal ones as 0: without trained weights, values become so small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


def _find_obstacle(params: int) -> str:
    """Why a network is not measured, if there is a reason before it is built."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{COPIES} times its weights do not fit into memory" if COPIES * 4 * params > free else ""


def time_network(name: str, family: str) -> Timing | str:
    """The passes of a network in turns, or why it is left out."""
    arch = archspec.load(name)
    torch.manual_seed(0)
    inputs = [make_noise(arch.graph, value, 1, torch.device("cpu")) for value in arch.graph.inputs.values()]
    timing = Timing(name, family)
    models = {"plain": arch.build().eval(), "optimised": arch.optimize().build().eval()}
    first = max(_time_pass(model, inputs) for model in models.values())
    if first > LONGEST:
        return f"one pass takes {first:.0f} s"
    rounds = max(FEWEST, min(MOST, round(SHARE / (2 * first))))
    repeat_rounds(timing, models, inputs, rounds)
    for _ in range(AGAIN):
        if timing.seems_slower:
            repeat_rounds(timing, models, inputs, 2 * rounds)
    return timing


def repeat_rounds(timing: Timing, models: Mapping[str, nn.Module], inputs: Sequence[torch.Tensor], rounds: int) -> None:
    """Times the builds in turns, each first in every second round, and adds the times to those of before."""
    for turn in range(rounds):
        for way in sorted(models, reverse=turn % 2 == 1):
            getattr(timing, way).append(_time_pass(models[way], inputs))


def _time_pass(model: Callable[..., object], inputs: Sequence[torch.Tensor]) -> float:
    with torch.inference_mode():
        start = time.process_time()
        model(*inputs)
        return time.process_time() - start


def _summarise(ratios: Sequence[float]) -> Table:
    cells = str(len(ratios)), *_describe(ratios), str(sum(round(ratio, 2) > 1 for ratio in ratios))
    return Table(("networks", *_SPREAD, "above 1"), [cells], "Optimised / plain, over the zoo:")


_SPREAD = ("least ratio", "median", "greatest")


def _describe(ratios: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{ratio:.2f}" for ratio in (min(ratios), statistics.median(ratios), max(ratios)))


def _show_families(timings: Sequence[Timing]) -> Table:
    families = dict.fromkeys(sorted(timing.family for timing in timings))
    by_family = {name: [one.ratio.ratio for one in timings if one.family == name] for name in families}
    rows = [(name, str(len(ratios)), *_describe(ratios)) for name, ratios in by_family.items()]
    return Table(("family", "networks", *_SPREAD), rows, "By family:")


SECTION = Section("zoo", "The zoo on the CPU", ABOUT, measure)
