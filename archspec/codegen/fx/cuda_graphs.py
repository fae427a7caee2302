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
from archspec.codegen.fx.kernels.available import preparing_capture
from archspec.codegen.fx.kernels.launching import compile_kernels

Run = Callable[..., Any]
MAX_CAPTURES = 8
_WARM_UPS = 3
"""The number of runs before a capture, which pack weights and select kernels."""


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
        self._watched: WatchedModule | None = None
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
            form = _describe(args)
            capture = self._captures.get(form)
            if capture is not None:
                result = self._replay(capture, args)  # while it runs, Python looks whether it was right to
                if self._is_unchanged(module):
                    return result
            capture = self._find_capture(module, form, run, args)
            if capture is not None:
                return self._replay(capture, args)
        return run(*args)

    def _is_unchanged(self, module: nn.Module) -> bool:
        return self._watched is not None and not self._watched.has_changed(module) and not self._watched.has_hooks()

    def _find_capture(self, module: nn.Module, form: Hashable, run: Run, args: tuple[Any, ...]) -> Capture | None:
        if self._watched is None or self._watched.has_changed(module):
            self._captures.clear()
            self._pool = None  # a pool is gone with its last graph
            self._watched = WatchedModule(module)
        if self._watched.has_hooks():
            self._say("a part of it has hooks, which a replay would leave out")
            return None
        if form not in self._captures and not self._is_full():
            self._captures[form] = self._try_to_capture(run, args)
        return self._captures.get(form)

    def _may_replay(self, module: nn.Module, args: tuple[Any, ...]) -> bool:
        if _is_recorded() or not all(map(_is_on_gpu, args)):
            return False
        if torch.is_grad_enabled() and any(value.requires_grad for value in (*args, *module.parameters())):
            return self._say("gradients are recorded; call it under torch.no_grad() or torch.inference_mode()")
        if self.trains and module.training:
            return self._say("it is in training mode; call eval()")
        return True

    def _say(self, reason: str) -> bool:
        if reason not in self._said:
            self._said.add(reason)
            warnings.warn(f"the network runs without CUDA graphs: {reason}", CudaGraphWarning, stacklevel=6)
        return False

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
            _free_generator(args[0].device)
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
            with torch.cuda.stream(aside), preparing_capture():
                compile_kernels(lambda: run(*inputs))
                for _ in range(_WARM_UPS):
                    run(*inputs)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool), preparing_capture():
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


class WatchedModule:
    """The parts, weights and hooks of a module, listed once, to see quickly whether they are still the same.

    It keeps the weights alive, so that a replay that has begun may end.

    A replay reads weights where they were, so that moved ones count as changed, and also ones that were written to, because a kernel may
    keep a reordered copy of them.
    """

    def __init__(self, module: nn.Module) -> None:
        parts = list(module.modules())
        tables = [table for part in parts for table in (part._modules, part._parameters, part._buffers) if table]
        self._places = [(table, len(table), name, value) for table in tables for name, value in table.items()]
        self._hooks = [hooks for part in parts for hooks in (part._forward_hooks, part._forward_pre_hooks)]
        weights = [value for _, _, _, value in self._places if isinstance(value, Tensor)]
        self._weights = [weight for weight in weights if not weight.is_inference()]
        self._unversioned = [weight for weight in weights if weight.is_inference()]
        self._state = self._read_state()
        self._module = module

    def has_changed(self, module: nn.Module) -> bool:
        """Whether it is another module, or a part or weight of it was added, replaced, moved or written to."""
        if module is not self._module or self._read_state() != self._state:
            return True
        return any([table.get(name) is not value or len(table) != count for table, count, name, value in self._places])

    def _read_state(self) -> tuple[list[tuple[int, int]], list[int]]:
        """Numbers that change when a weight is moved or written to; torch counts no changes of weights made in inference mode."""
        versions = [(weight.data_ptr(), weight._version) for weight in self._weights]
        return versions, [weight.data_ptr() for weight in self._unversioned]

    def has_hooks(self) -> bool:
        return any(self._hooks)


def _free_generator(device: torch.device) -> None:
    """Takes the generator of random numbers out of a capture that failed; torch leaves it there, where it refuses every draw."""
    if device.type != "cuda":
        return
    generator = torch.cuda.default_generators[device.index]
    generator.graphsafe_set_state(generator.clone_state())


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
