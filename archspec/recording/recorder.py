"""Records the calls that a model makes, on tensors without data: the only part of the import that needs torch."""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.printable import shorten_text
from archspec.recording.leaf_modules import find_leaf_class, read_options
from archspec.recording.merging import merge_traces
from archspec.recording.trace import Path, RecordedCall, ResultRef, StateRef, Trace, TraceError, UnknownRef, iter_leaves

_BATCHES = (2, 3)
_MOST_CONSTANTS = 65536  # elements of a buffer whose values are kept
_EDITS = frozenset(("setitem", "copy", "fill", "zero", "set", "resize"))
_VIEWS = frozenset(("Dropout", "dropout", "feature_dropout", "stochastic_depth", "drop_path"))


def record_model(model: nn.Module, sizes: tuple[tuple[int, ...], ...], dtypes: tuple[torch.dtype, ...] = ()) -> Trace:
    """The calls of a model in evaluation mode, for inputs of these sizes without the batch.

    The model is copied without its weights and runs twice on tensors without data, with two batch sizes: sizes that differ are the batch.

    Raises:
        TraceError: the model fails, or what it computes depends on data or on the batch size.

    >>> trace = record_model(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), ((4,),))
    >>> [call.target for call in trace.calls], trace.calls[0].path
    (['torch.nn.Linear', 'torch.nn.ReLU'], ('0',))
    """
    bare = copy_without_data(model).eval()
    kinds = dtypes or (torch.get_default_dtype(),) * len(sizes)
    first, second = (_run(bare, batch, sizes, kinds) for batch in _BATCHES)
    trace = merge_traces(first, second, _BATCHES)
    trace.constants = dict(_iter_constants(model))
    return trace


def _iter_constants(model: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, tensor in model.named_buffers():
        if tensor.numel() <= _MOST_CONSTANTS and not name.endswith(
            ("running_mean", "running_var", "num_batches_tracked")
        ):
            yield name, tensor.tolist()


def copy_without_data(model: nn.Module) -> nn.Module:
    """A copy of a model whose parameters and buffers have shapes and no data."""
    memo: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        bare = tensor.detach().to("meta")
        memo[id(tensor)] = nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare
    try:
        return copy.deepcopy(model, memo)
    except Exception as fault:  # a user's module raises anything
        raise TraceError(f"the model cannot be copied: {_describe(fault)}") from fault


def _run(model: nn.Module, batch: int, sizes: tuple[tuple[int, ...], ...], dtypes: tuple[torch.dtype, ...]) -> Trace:
    inputs = [torch.zeros(batch, *size, device="meta", dtype=dtype) for size, dtype in zip(sizes, dtypes, strict=True)]
    recorder = CallRecorder(model)
    numbers = [recorder.add(tensor) for tensor in inputs]
    try:
        with recorder.follow_modules(), torch.device("meta"), recorder, torch.no_grad():
            result = nn.Module.__call__(model, *inputs)
    except TraceError:
        raise
    except Exception as fault:  # the same
        raise TraceError(_explain(fault, recorder.line)) from fault
    outputs = {name: recorder.ids.get(id(tensor)) for name, tensor in _name_outputs(result)}
    if not outputs or None in outputs.values():
        raise TraceError("the model returns something else than tensors that it computes")
    state = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    classes = {_split(name): type(module).__name__ for name, module in model.named_modules()}
    pairs = tuple((number, tuple(tensor.shape)) for number, tensor in zip(numbers, inputs, strict=True))
    return Trace(recorder.calls, pairs, outputs, classes, state, {}, _find_shared(model))  # type: ignore[arg-type]


def _find_shared(model: nn.Module) -> dict[str, str]:
    first: dict[int, str] = {}
    named = (*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False))
    return {name: first[id(tensor)] for name, tensor in named if first.setdefault(id(tensor), name) != name}


def _explain(fault: Exception, line: str) -> str:
    text = _describe(fault)
    where = f" at {line}" if line else ""
    if "meta" in text and isinstance(fault, RuntimeError | NotImplementedError):
        if "device" in text:
            return f"it computes with a tensor that is not part of the model{where}: {text}"
        return f"what it computes depends on data{where}: {text}"
    return f"it fails for this input{where}: {text}"


def _describe(fault: Exception) -> str:
    text = " ".join(str(fault).split())
    return f"{type(fault).__name__}: {shorten_text(text, 300)}" if text else type(fault).__name__


def _name_outputs(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the tensors of a model's result with their names: `output`, `output1` and so on, or the keys of a mapping."""
    if isinstance(result, Tensor):
        yield name or "output", result
        return
    if isinstance(result, Mapping):
        items: Any = result.items()
    elif isinstance(result, tuple) and hasattr(result, "_fields"):
        items = zip(result._fields, result, strict=True)
    elif isinstance(result, list | tuple):
        items = ((f"{name or 'output'}{number}", item) for number, item in enumerate(result, 1))
    else:
        items = vars(result).items() if hasattr(result, "__dict__") else ()
    for key, item in items:
        if item is not None:
            yield from _name_outputs(item, str(key))


def _split(name: str) -> Path:
    return tuple(name.split(".")) if name else ()


class CallRecorder(TorchFunctionMode):
    """Records each function of torch and each module of torch.nn that runs, with the module that calls it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.calls: list[RecordedCall] = []
        self.stack: list[Path] = [()]
        self.uses: list[dict[Path, int]] = [{}]
        self.called: Counter[Path] = Counter()
        self.line = ""
        self.ids: dict[int, int] = {}
        self.alive: list[Tensor] = []
        """All tensors with numbers, so that none of them is another's successor at the same address."""
        self.storages: dict[int, list[int]] = {}
        self.stale: dict[int, str] = {}
        """The views of a tensor that was edited in place since, by number, with the line that edited it."""
        self.muted = 0
        self.paths = {id(module): _split(name) for name, module in model.named_modules()}
        learned = {id(tensor) for tensor in model.parameters()}
        self.state = {
            id(tensor): StateRef(name, tuple(tensor.shape), id(tensor) in learned)
            for name, tensor in (*model.named_parameters(), *model.named_buffers())
        }

    def add(self, tensor: Tensor) -> int:
        """Numbers a tensor, anew if it was edited in place."""
        number = len(self.alive)
        self.ids[id(tensor)] = number
        self.alive.append(tensor)
        self.storages.setdefault(_find_storage(tensor), []).append(number)
        return number

    @contextmanager
    def follow_modules(self) -> Iterator[None]:
        """Tells the recorder of each call of a module inside the block."""
        original = nn.Module.__call__

        def call(module: nn.Module, *args: Any, **keywords: Any) -> Any:
            return self._call_module(original, module, args, keywords)

        nn.Module.__call__ = call  # type: ignore[method-assign]
        try:
            yield
        finally:
            nn.Module.__call__ = original  # type: ignore[method-assign]

    @contextmanager
    def _mute(self) -> Iterator[None]:
        self.muted += 1
        try:
            yield
        finally:
            self.muted -= 1

    def _call_module(self, original: Callable[..., Any], module: nn.Module, args: Any, keywords: Any) -> Any:
        path = self.paths.get(id(module))
        if self.muted or path is None or module is self.model:
            return original(module, *args, **keywords)
        leaf = find_leaf_class(module)
        if leaf is None:
            self.stack.append(path)
            self.uses.append({**self.uses[-1], path: self.called[path]})
            self.called[path] += 1
            try:
                return original(module, *args, **keywords)
            finally:
                self.stack.pop()
                self.uses.pop()
        self.line = _find_line() or self.line
        given = self._refer(args), self._refer(keywords)
        with self._mute():
            result = original(module, *args, **keywords)
            options = read_options(module)
        if leaf == "torch.nn.Identity":
            return result
            if args and result is args[0] and leaf != "torch.nn.Identity" and not getattr(module, "inplace", False):
                result = result.view(result.shape)
        self._note(RecordedCall(leaf, *given, (), (), self.stack[-1], path, options), result)
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        if self.muted:
            return func(*args, **keywords)
        name = _name_function(func)
        self.line = _find_line() or self.line
        given = self._refer(args), self._refer(keywords)
        with self._mute():
            result = func(*args, **keywords)
            if args and result is args[0] and name in _VIEWS:
                result = result.view(result.shape)
        if name in _EDITS and args:
            result = args[0]
        self._note(RecordedCall(name, *given, (), (), self.stack[-1]), result)
        if args and isinstance(args[0], Tensor) and result is args[0]:
            self._mark_stale(args[0])
        return result

    def _note(self, call: RecordedCall, result: Any) -> None:
        tensors = [leaf for leaf in iter_leaves(result) if isinstance(leaf, Tensor)]
        if not tensors:
            return
        call.results = tuple(self.add(tensor) for tensor in tensors)
        call.sizes = tuple(tuple(tensor.shape) for tensor in tensors)
        call.line, call.uses = self.line, self.uses[-1]
        self.calls.append(call)

    def _mark_stale(self, edited: Tensor) -> None:
        """Marks the other tensors of the same memory, whose values an edit in place changed, too."""
        for number in self.storages[_find_storage(edited)]:
            if self.alive[number] is not edited:
                self.stale[number] = self.line

    def _refer(self, value: Any) -> Any:
        """Arguments with references in place of tensors."""
        if isinstance(value, Tensor):
            return self._refer_tensor(value)
        if isinstance(value, torch.Size | list | tuple):
            return tuple(self._refer(item) for item in value)
        if isinstance(value, dict):
            return {key: self._refer(item) for key, item in value.items()}
        if isinstance(value, slice):
            return slice(*(self._refer(part) for part in (value.start, value.stop, value.step)))
        return value

    def _refer_tensor(self, tensor: Tensor) -> ResultRef | StateRef | UnknownRef:
        number = self.ids.get(id(tensor))
        if number is not None:
            if number in self.stale:
                reason = f"shares its memory with a value that {self.stale[number]} edits in place"
                return UnknownRef(tuple(tensor.shape), reason)
            return ResultRef(number)
        if id(tensor) in self.state:
            return self.state[id(tensor)]
        return UnknownRef(
            tuple(tensor.shape),
            "is a tensor that the model keeps outside its state_dict, or makes outside of torch's calls",
        )


def _find_storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _name_function(func: Any) -> str:
    name = getattr(func, "__name__", str(func)).partition(".")[0]  # an op of an exported program is conv2d.default
    if name in {"__get__", "__set__"}:
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return name.strip("_")


def _find_line() -> str:
    """The innermost line of Python outside torch and this package."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("archspec.recording"):
            if frame.f_code.co_name == "_run":
                return ""
        elif name.partition(".")[0] not in {"torch", "contextlib"}:
            return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
