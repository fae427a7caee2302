"""Measures the time of each node of a network on a device."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch import fx

from archspec.codegen.fx.assemble import build
from archspec.codegen.fx.flat import flatten_model
from archspec.codegen.fx.trial import find_device, make_noise, synchronize_device
from archspec.ir.graph import Graph

RUNS = 5
"""The number of runs, whose median is taken."""


def measure_nodes(
    graph: Graph, *, device: str = "auto", batch: int = 8, dtype: torch.dtype | None = None
) -> list[float]:
    """The seconds of each node's forward pass, by its id; the network runs node by node in evaluation on random inputs.

    On a GPU each node is synchronised, so that a small one takes as long as its launch: choose a batch that fills the device.

    Raises:
        MissingDeviceError: the device is not available.
    """
    place = find_device(device)
    graph = replace(graph, inference=False)  # fused kernels would hide the time of each node
    model = flatten_model(build(graph, device=place, dtype=dtype, seed=0).eval())
    inputs = [make_noise(graph, value, batch, place) for value in graph.inputs.values()]
    inputs = [value if dtype is None or not value.is_floating_point() else value.to(dtype) for value in inputs]
    watch = _TimingInterpreter(model, place)
    with torch.inference_mode():
        model(*inputs)  # warm-up
        rounds = [watch.time(len(graph.nodes), inputs) for _ in range(RUNS)]
    return [median(times) for times in zip(*rounds, strict=True)]


class _TimingInterpreter(fx.Interpreter):
    """Runs a network node by node and adds up the time of each."""

    def __init__(self, model: fx.GraphModule, place: torch.device) -> None:
        super().__init__(model)
        self._place = place
        self._seconds: list[float] = []
        self._step = 0

    def time(self, count: int, inputs: list[torch.Tensor]) -> list[float]:
        self._seconds = [0.0] * count
        self.run(*inputs)
        return self._seconds

    def run_node(self, n: fx.Node) -> Any:
        self._step = n.meta.get("step", self._step)
        synchronize_device(self._place)
        start = time.perf_counter()
        result = super().run_node(n)
        synchronize_device(self._place)
        if n.op not in ("placeholder", "output"):
            self._seconds[self._step] += time.perf_counter() - start
        return result
