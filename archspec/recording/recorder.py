"""Records the calls that a model makes, on tensors without data: the only part of the import that needs torch."""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archspec.codegen.fx.module_state import find_aliases
from archspec.importing.value_names import WORDS
from archspec.printable import shorten_text
from archspec.recording.call_recorder import CallRecorder
from archspec.recording.merging import merge_traces
from archspec.recording.trace import Path, StateRef, Trace, TraceError, iter_leaves, split_name

_BATCHES = (2, 3)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BEFORE = "a spec has no data to decide by: --partial DIR writes the parts before it, and the rest can be an input"
_REGISTER = "a tensor of the model is a parameter or a buffer of it: register_buffer"
_MOST_CONSTANTS = 2**24  # elements of a buffer whose values are kept


def record_model(model: nn.Module, sizes: tuple[tuple[int, ...], ...], dtypes: tuple[torch.dtype, ...] = ()) -> Trace:
    """The calls of a model in evaluation mode, for inputs of these sizes without the batch.

    Copies of the model without its weights run on tensors without data, with two batch sizes: sizes that differ are the batch. Each run has
    a copy of its own, so that it finds nothing that the other one has kept.

    Raises:
        TraceError: the model fails, or what it computes depends on data or on the batch size.

    >>> trace = record_model(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), ((4,),))
    >>> [call.target for call in trace.calls], trace.calls[0].path
    (['torch.nn.Linear', 'torch.nn.ReLU'], ('0',))
    """
    kinds = dtypes or (torch.get_default_dtype(),) * len(sizes)
    opened = find_tied_modules(model)
    while True:
        first, second = (_run(copy_without_data(model).eval(), batch, sizes, kinds, opened) for batch in _BATCHES)
        read = _find_read_modules(first)
        if read <= opened:
            break
        opened |= read
    trace = merge_traces(first, second, _BATCHES)
    trace.constants = dict(_iter_constants(model))
    return trace


def find_tied_modules(model: nn.Module) -> frozenset[Path]:
    """The modules that have a parameter of another one."""
    owners: dict[int, list[Path]] = {}
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(split_name(name))
    return frozenset(path for paths in owners.values() if len(paths) > 1 for path in paths)


def _find_read_modules(trace: Trace) -> frozenset[Path]:
    """The modules whose weights are read outside of them, too."""
    called = {call.path for call in trace.calls if call.path is not None}
    read = {
        ref.path[:-1]
        for call in trace.calls
        if not call.is_module
        for ref in iter_leaves((call.args, call.keywords))
        if isinstance(ref, StateRef)
    }
    return frozenset(called & read)


def _iter_constants(model: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, tensor in model.named_buffers():
        if tensor.numel() <= _MOST_CONSTANTS and not name.endswith(
            ("running_mean", "running_var", "num_batches_tracked")
        ):
            yield name, tensor.detach().cpu()


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


def _run(
    model: nn.Module,
    batch: int,
    sizes: tuple[tuple[int, ...], ...],
    dtypes: tuple[torch.dtype, ...],
    opened: frozenset[Path],
) -> Trace:
    inputs = [torch.zeros(batch, *size, device="meta", dtype=dtype) for size, dtype in zip(sizes, dtypes, strict=True)]
    recorder = CallRecorder(model, opened)
    recorder.inputs = inputs
    numbers = [recorder.add(tensor) for tensor in inputs]
    try:
        with recorder.follow_modules(), torch.device("meta"), recorder, torch.no_grad():
            result = nn.Module.__call__(model, *inputs)
    except TraceError:
        raise
    except Exception as fault:  # the same
        raise _explain(fault, model, recorder) from fault
    outputs = {name: recorder.ids.get(id(tensor)) for name, tensor in _name_outputs(result)}
    if not outputs or None in outputs.values():
        raise TraceError("the model returns something else than tensors that it computes")
    state = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    classes = {split_name(name): type(module).__name__ for name, module in model.named_modules()}
    pairs = tuple((number, tuple(tensor.shape)) for number, tensor in zip(numbers, inputs, strict=True))
    names = _name_inputs(model, len(inputs))
    return Trace(recorder.calls, pairs, names, outputs, classes, state, {}, find_aliases(model), opened)  # type: ignore[arg-type]


def _name_inputs(model: nn.Module, count: int) -> tuple[str, ...]:
    """The names of inputs: `input`, or of several, those of the parameters of `forward` if they are no words of the language."""
    if count == 1:
        return ("input",)
    parameters = inspect.signature(model.forward).parameters.values()
    names = tuple(own.name for own in parameters if own.kind in _POSITIONAL)[:count]
    taken = {*WORDS, *(name for name, _ in model.named_children())}
    if len(names) < count or taken.intersection(names):
        return tuple(f"input{number}" for number in range(1, count + 1))
    return names


def _explain(fault: Exception, model: nn.Module, recorder: CallRecorder) -> TraceError:
    """What a fault of a model means: a tensor without data was read, one is missing, or the input does not fit."""
    text, place = _describe(fault), (".".join(recorder.failed), _find_line(fault) or recorder.line)
    if "meta" in text and isinstance(fault, RuntimeError | NotImplementedError):
        if "device" in text:
            return TraceError(f"it computes with a tensor that is not part of the model: {text}", *place, _REGISTER)
        return TraceError(f"what it computes depends on data: {text}", *place, _BEFORE)
    return TraceError(f"it fails for this input: {text}", *place, _describe_inputs(model, recorder))


def _describe_inputs(model: nn.Module, recorder: CallRecorder) -> str:
    """What the model takes, and what it was given."""
    given = [f"batch×{'×'.join(map(str, tensor.shape[1:]))}" for tensor in recorder.inputs]
    names = [
        f"{own.name}{'' if own.default is inspect.Parameter.empty else '=…'}"
        for own in inspect.signature(model.forward).parameters.values()
        if own.kind in _POSITIONAL
    ]
    takes = f"forward takes {', '.join(names)}" if names else "its inputs are known to the model alone"
    return f"{takes}; it was given tensors of {' and '.join(given)}: --input NAME=SIZES for each, without the batch"


def _find_line(fault: Exception) -> str:
    """The innermost line of Python outside torch and this package that a fault went through."""
    lines = [
        f"{frame.f_code.co_filename.rpartition('/')[2]}:{number}"
        for frame, number in traceback.walk_tb(fault.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] not in {"archspec", "torch", "contextlib"}
    ]
    return lines[-1] if lines else ""


def _describe(fault: Exception) -> str:
    text = " ".join(str(fault).split())
    return f"{type(fault).__name__}: {shorten_text(text, 300)}" if text else type(fault).__name__


def _name_outputs(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the tensors of a model's result with their names: `output`, `output1` and so on, or the keys of mappings: `aux_heat`."""
    if isinstance(result, Tensor):
        yield name or "output", result
        return
    if isinstance(result, list | tuple) and not hasattr(result, "_fields"):
        named = [(f"{name or 'output'}{number}", item) for number, item in enumerate(result, 1)]
    else:
        named = [(f"{name}_{key}" if name else str(key), item) for key, item in _iter_fields(result)]
    for own, item in named:
        if item is not None:
            yield from _name_outputs(item, own)


def _iter_fields(result: Any) -> Iterator[tuple[str, Any]]:
    """Yields the entries of a mapping, a named tuple or an object."""
    if isinstance(result, Mapping):
        yield from result.items()
    elif isinstance(result, tuple):
        yield from zip(result._fields, result, strict=True)  # type: ignore[attr-defined]
    elif hasattr(result, "__dict__"):
        yield from vars(result).items()
