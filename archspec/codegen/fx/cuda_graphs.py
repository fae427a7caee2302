"""Captures CUDA graphs of a network, which launch all of its kernels at once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from archspec.codegen.errors import CudaGraphWarning

Run = Callable[..., Any]
MAX_CAPTURES = 8
_WARM_UPS = 3
"""The number of runs before a capture, which compile kernels and pack weights."""


@dataclass(frozen=True)
class Capture:
    """A captured run: its graph, inputs and outputs."""

    inputs: tuple[Tensor, ...]
    outputs: Any
    replay: Callable[[], None]


class CudaGraphs:
    """Runs a module by replaying captured CUDA graphs, one for each combination of shapes, strides, types and devices of its inputs.

    The first call of a combination captures it; later ones copy their inputs, replay, and copy the outputs, so that the result of a
    call does not change with the next one. At most `limit` combinations are kept; the others run without graphs.

    A call also runs without graphs if a replay would not do the same: with gradients, in training, under a tracer or a compiler, inside
    another capture, with hooks, and off the GPU. A `CudaGraphWarning` names once what affects every call. Weights may change in place or
    be replaced: if a weight has moved, or one has changed of which a kernel keeps a reordered copy, the graphs are captured again.
    """

    def __init__(self, limit: int = MAX_CAPTURES, *, trains: bool = True) -> None:
        """`trains` says whether the module computes something different in training."""
        self.limit, self.trains = limit, trains
        self._captures: dict[Hashable, Capture | None] = {}
        self._weights: Hashable = None
        self._said: set[str] = set()
        self._pool: Any = None
        self._finished: torch.cuda.Event | None = None
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> CudaGraphs:
        return CudaGraphs(self.limit, trains=self.trains)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.limit, self.trains)

    def __call__(self, module: nn.Module, run: Run, args: tuple[Any, ...]) -> Any:
        """The result of `run(*args)`, a call of the module."""
        if not self._may_replay(module, args):
            return run(*args)
        with self._lock:
            self._forget_other_weights(module)
            form = _describe(args)
            if form not in self._captures and not self._is_full():
                self._captures[form] = self._try_to_capture(run, args)
            capture = self._captures.get(form)
            return run(*args) if capture is None else self._replay(capture, args)

    def _may_replay(self, module: nn.Module, args: tuple[Any, ...]) -> bool:
        if _is_recorded() or not all(map(_is_on_gpu, args)):
            return False
        if torch.is_grad_enabled() and any(value.requires_grad for value in (*args, *module.parameters())):
            return self._say("gradients are recorded; call it under torch.no_grad() or torch.inference_mode()")
        if self.trains and module.training:
            return self._say("it is in training mode; call eval()")
        if any(part._forward_hooks or part._forward_pre_hooks for part in module.modules()):
            return self._say("a part of it has hooks, which a replay would leave out")
        return True

    def _say(self, reason: str) -> bool:
        if reason not in self._said:
            self._said.add(reason)
            warnings.warn(f"the network runs without CUDA graphs: {reason}", CudaGraphWarning, stacklevel=6)
        return False

    def _forget_other_weights(self, module: nn.Module) -> None:
        weights = tuple(_identify(weight) for weight in (*module.parameters(), *module.buffers()))
        if weights != self._weights:
            self._captures.clear()
            self._weights = weights

    def _is_full(self) -> bool:
        full = len(self._captures) >= self.limit
        if full:
            self._say(f"{self.limit} combinations of input shapes are captured already")
        return full

    def _try_to_capture(self, run: Run, args: tuple[Any, ...]) -> Capture | None:
        self._wait()
        try:
            return self._capture(run, args)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            result = run(*args)  # also raises if the inputs do not fit
            del result
            self._say(f"it cannot be captured: {error}")
            return None

    def _capture(self, run: Run, args: tuple[Any, ...]) -> Capture:
        """Runs the network a few times on another stream, and then captures a run."""
        inputs = hold_inputs(args)
        device = inputs[0].device
        with torch.cuda.device(device):
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            aside: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    run(*inputs)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                outputs = run(*inputs)
        return Capture(inputs, outputs, graph.replay)

    def _replay(self, capture: Capture, args: tuple[Any, ...]) -> Any:
        self._wait()
        for place, value in zip(capture.inputs, args, strict=True):
            place.copy_(value)
        capture.replay()
        outputs = pytree.tree_map_only(Tensor, Tensor.clone, capture.outputs)
        self._finished = self._record()
        return outputs

    def _wait(self) -> None:
        """Makes the current stream wait for the last replay, perhaps on another stream, because all share their memory."""
        if self._finished is not None:
            self._finished.wait()

    def _record(self) -> torch.cuda.Event:
        event = self._finished or torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return event


def hold_inputs(args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Copies of inputs that later calls write over, also if these are not in inference mode and this one is."""
    with torch.inference_mode(mode=False), torch.no_grad():
        return tuple(torch.empty_like(value).copy_(value) for value in args)


def _restore(limit: int, trains: bool) -> CudaGraphs:
    return CudaGraphs(limit, trains=trains)


def _is_on_gpu(value: Any) -> bool:
    return type(value) is Tensor and value.is_cuda


def _is_recorded() -> bool:
    """Whether a compiler, a tracer, another capture or a mode of torch records operations."""
    traced = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
    dispatched = torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack()
    return traced or bool(dispatched) or (torch.cuda.is_available() and torch.cuda.is_current_stream_capturing())


def _identify(weight: Tensor) -> Hashable:
    """A key that changes when a weight is moved or written to."""
    return weight.data_ptr(), weight.dtype, None if weight.is_inference() else weight._version


def _describe(args: tuple[Any, ...]) -> Hashable:
    """The key of a capture: the forms of the inputs, and the modes of torch that select kernels."""
    inputs = tuple((value.shape, value.stride(), value.dtype, value.device) for value in args)
    autocast = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
    return inputs, autocast, _read_precision(), torch.backends.cudnn.deterministic


def _read_precision() -> Hashable:
    """How float32 is multiplied. Where torch has settings for each op, it refuses to read the older ones after these are set."""
    convolution = getattr(torch.backends.cudnn, "conv", None)
    if convolution is not None:
        matmul: Any = torch.backends.cuda.matmul
        return convolution.fp32_precision, matmul.fp32_precision
    return torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
