"""Records the calls of functions of torch and of modules, on tensors without data."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.recording.leaf_modules import find_leaf_class, read_options
from archspec.recording.shadows import Shadows
from archspec.recording.trace import (
    MadeRef,
    Path,
    RecordedCall,
    ResultRef,
    StateRef,
    UnknownRef,
    iter_leaves,
    split_name,
)

_EDITS = frozenset(("setitem", "copy", "fill", "zero", "set", "resize"))
_VIEWS = frozenset(("Dropout", "dropout", "feature_dropout", "stochastic_depth", "drop_path"))
_ALIKE = frozenset(("relu", "silu", "gelu", "sigmoid", "tanh", "hardswish", "hardsigmoid"))
"""Functions whose result is as their operand, which torch takes long to find out without data."""
_ALIKE_MODULES = frozenset(
    f"torch.nn.{name}" for name in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "ReLU", "SiLU", "GELU")
)


class CallRecorder(TorchFunctionMode):
    """Records each function of torch and each module of torch.nn that runs, with the module that calls it."""

    def __init__(self, model: nn.Module, opened: frozenset[Path] = frozenset()) -> None:
        """`opened` are the modules whose calls are recorded instead of them."""
        super().__init__()
        self.model, self.opened = model, opened
        self.calls: list[RecordedCall] = []
        self.stack: list[Path] = [()]
        self.uses: list[dict[Path, int]] = [{}]
        self.called: Counter[Path] = Counter()
        self.line = ""
        self.inputs: list[Tensor] = []
        self.failed: Path = ()
        """The innermost module whose call did not end."""
        self.ids: dict[int, int] = {}
        self.alive: list[Tensor] = []
        """All tensors with numbers, so that none of them is another's successor at the same address."""
        self.views: dict[int, tuple[Tensor, Any]] = {}
        """The tensor and the index that a part is of."""
        self.storages: dict[int, list[int]] = {}
        self.stale: dict[int, str] = {}
        """The views of a tensor that was edited in place since, by number, with the line that edited it."""
        self.shadows = Shadows()
        self.muted = 0
        self.paths = {id(module): split_name(name) for name, module in model.named_modules()}
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
        try:
            return self._record_module(original, module, path, args, keywords)
        except Exception:
            self.failed = self.failed or path
            raise

    def _record_module(
        self, original: Callable[..., Any], module: nn.Module, path: Path, args: Any, keywords: Any
    ) -> Any:
        leaf = find_leaf_class(module) if path not in self.opened else None
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
            alike = (leaf in _ALIKE_MODULES and not module.training and len(args) == 1) and not getattr(
                module, "inplace", False
            )
            result = torch.empty_like(args[0]) if alike else original(module, *args, **keywords)
            options = read_options(module)
        if leaf == "torch.nn.Identity":
            return result
        self._note(RecordedCall(leaf, *given, (), (), self.stack[-1], path, options), result)
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        if self.muted:
            return func(*args, **keywords)
        name = _name_function(func)
        self.line = _find_line() or self.line
        with self._mute():
            data = self.shadows.read(name, func, args, keywords)
            if data is not None:
                return data[0]
            given = self._refer(args), self._refer(keywords)
            alike = getattr(func, "__name__", "") in _ALIKE and len(args) == 1 and not keywords.get("inplace")
            result = torch.empty_like(args[0]) if alike and args[0].is_floating_point() else func(*args, **keywords)
            if self.shadows.covers(name, args, keywords, result):
                self.shadows.run(func, args, keywords, result)
                return result
            if args and result is args[0] and name in _VIEWS:
                result = result.view(result.shape)
        if name in _EDITS and args:
            result = args[0]
            self.shadows.forget(result)
        base, index = self.views.get(id(result), (None, None)) if name == "zero" else (None, None)
        if base is not None:
            self._note(RecordedCall("zero_part", (self._refer(base), index), {}, (), (), self.stack[-1]), base)
            self._mark_stale(base)
            return result
        self._note(RecordedCall(name, *given, (), (), self.stack[-1]), result)
        if name == "getitem" and isinstance(result, Tensor):
            self.views[id(result)] = (args[0], args[1])
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

    def _refer_tensor(self, tensor: Tensor) -> ResultRef | StateRef | UnknownRef | MadeRef | float:
        number = self.ids.get(id(tensor))
        if number is not None:
            if number in self.stale:
                reason = f"shares its memory with a value that {self.stale[number]} edits in place"
                return UnknownRef(tuple(tensor.shape), reason)
            return ResultRef(number)
        if id(tensor) in self.state:
            return self.state[id(tensor)]
        values = self.shadows.find(tensor)
        if values is not None:
            return MadeRef(values.clone()) if values.dim() else values.item()
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
