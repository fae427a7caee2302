"""Ways to run a network in inference on the CPU, with the same weights and checked before they are timed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archspec import Architecture
from benchmarks.networks import Network

TOLERANCE = 1e-3
"""The tolerance of outputs compared with eager mode, relative to the largest."""

BACKEND = "inductor"
"""The backend of `torch.compile`; tests use one that needs no C++ compiler."""

Run = Callable[[], Tensor]


@dataclass(frozen=True)
class Case:
    """A network to run: our build, the peer's with the same weights, and an ONNX file for the runtimes."""

    arch: Architecture
    ours: nn.Module
    twin: nn.Module
    weights: Path
    onnx: Path

    @classmethod
    def of(cls, network: Network, folder: Path) -> Case:
        ours, twin = network.pair()
        arch, weights, onnx = network.load(), folder / "network.pt", folder / "network.onnx"
        torch.save(ours.state_dict(), weights)
        arch.save(onnx, weights=weights)
        return cls(arch, ours, twin, weights, onnx)

    def optimised(self) -> nn.Module:
        return self.arch.optimize(for_="inference").build(weights=self.weights).eval()


@dataclass(frozen=True)
class Ready:
    """A way whose output was checked, and the seconds to prepare it, including its first run."""

    run: Run
    seconds: float


def ready(way: Callable[[Case, Tensor], Run], case: Case, images: Tensor, expected: Tensor) -> Ready | str:
    """Prepares a way, or says why it cannot be timed."""
    start = time.perf_counter()
    try:
        run = way(case, images)
        output = run()
    except Exception as error:  # noqa: BLE001 - any exception of a peer is a result
        return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]:.80}"
    seconds = time.perf_counter() - start
    off = ((output - expected).abs().max() / expected.abs().max()).item()
    return Ready(run, seconds) if off <= TOLERANCE else f"output differs from eager's by {off:.1e}"


def eagerly(model: Callable[[Tensor], Tensor], images: Tensor) -> Run:
    def run() -> Tensor:
        with torch.inference_mode():
            return model(images)

    return run


def fused(case: Case, images: Tensor) -> Run:
    from torch.fx.experimental.optimization import fuse

    model: Any = fuse(copy.deepcopy(case.twin))
    return eagerly(model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last))


def frozen(model: nn.Module, images: Tensor) -> Run:
    """`torch.compile` with frozen weights and an empty cache."""
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    run = eagerly(torch.compile(model, dynamic=False, backend=BACKEND), images)
    with fresh_cache(), config.patch(freezing=True):
        run()
    return run


def openvino(case: Case, images: Tensor) -> Run:
    import openvino

    core = openvino.Core()
    model = core.read_model(case.onnx)
    model.reshape(list(images.shape))
    hints = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(model, "CPU", hints).create_infer_request()
    array = images.numpy()

    def run() -> Tensor:
        request.infer({0: array}, share_inputs=True)
        return torch.from_numpy(request.get_output_tensor(0).data)

    return run


def onnxruntime(case: Case, images: Tensor) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_free_dimension_override_by_name("batch", len(images))
    session = onnxruntime.InferenceSession(case.onnx, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    array = {given.name: images.numpy()}

    def run() -> Tensor:
        return torch.from_numpy(session.run(None, array)[0])

    return run


PLAIN, EAGER, OPTIMISED, COMPILED = "archspec", "eager", "archspec, optimised", "archspec, optimised and compiled"
PEERS: Mapping[str, Callable[[Case, Tensor], Run]] = {
    "`fuse` + channels_last": fused,
    "`torch.compile`, frozen": lambda case, images: frozen(copy.deepcopy(case.twin), images),
    "OpenVINO": openvino,
    "onnxruntime": onnxruntime,
}
WAYS: Mapping[str, Callable[[Case, Tensor], Run]] = {
    PLAIN: lambda case, images: eagerly(case.ours, images),
    EAGER: lambda case, images: eagerly(case.twin, images),
    OPTIMISED: lambda case, images: eagerly(case.optimised(), images),
    COMPILED: lambda case, images: frozen(case.optimised(), images),
    **PEERS,
}
