"""Exports built networks as `torch.export` programs and ONNX."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from archspec import extras, files
from archspec.codegen.arguments import make_argument_names
from archspec.codegen.dynamic_axes import BATCH, FreeAxes, choose_example_sizes
from archspec.codegen.fx.attention_axes import WrittenOutAttention
from archspec.codegen.fx.free_pooling import free_adaptive_pools
from archspec.errors import ArchspecError, ExportError
from archspec.ir.graph import Graph

_LARGEST = 2**31 - 2**20
"""The most bytes of one ONNX file: protobuf's limit minus a margin."""
_ALIGNMENT = 4096
"""The alignment of weights in a separate file, for memory mapping."""
_OLDEST, _OLDEST_FORMAT = 7, 4
"""The first opset that torch writes, and the first version of the file's format whose weights are no inputs."""
_LONGEST = 300
_INSTALL = "pip install 'archspec-nn[export]'"


def make_metadata(
    text: str,
    name: str,
    overrides: Mapping[str, str],
    *,
    inputs: Mapping[str, Sequence[int]] | None = None,
    inference: bool = False,
) -> dict[str, str]:
    """The metadata of a file of weights: the spec's text, its SHA-256, the overridden arguments and inputs, and whether the network was optimised.

    >>> sorted(make_metadata("name: a", "a", {"width": "8"}))
    ['archspec.name', 'archspec.set.width', 'archspec.sha256', 'archspec.spec']
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    given = {f"archspec.set.{key}": value for key, value in overrides.items()}
    given |= {f"archspec.input.{key}": ",".join(map(str, sizes)) for key, sizes in (inputs or {}).items()}
    optimized = {"archspec.optimized": "inference"} if inference else {}
    return {"archspec.name": name, "archspec.spec": text, "archspec.sha256": digest, **given, **optimized}


def export_pt2(model: fx.GraphModule, graph: Graph, about: Mapping[str, str], path: Path, free: FreeAxes) -> None:
    """Writes the network in eval mode as a `torch.export` program.

    Args:
        model: the network, built.
        graph: its graph.
        about: the metadata.
        path: the file.
        free: the dimensions of the inputs that may have any size.

    Raises:
        ExportError: the network cannot be written so.
    """
    with _quiet_eval_mode(model):
        with _tell_torch_errors("torch.export"):
            inputs, shapes = _example_inputs(graph, free), _dynamic_shapes(graph, free)
            program = torch.export.export(model, inputs, dynamic_shapes=shapes)
        _return_plain_tuple(program, len(graph.outputs))
        with files.replace_file(path) as file:
            torch.export.save(program, file, extra_files=dict(about))


def _return_plain_tuple(program: torch.export.ExportedProgram, count: int) -> None:
    """Has a program of several outputs return a tuple without names, so that it can be loaded without archspec."""
    signature = program.module_call_graph[0].signature
    if count > 1 and signature is not None:
        signature.out_spec = pytree.tree_structure((0,) * count)


def export_onnx(
    model: fx.GraphModule,
    graph: Graph,
    about: Mapping[str, str],
    path: Path,
    free: FreeAxes,
    opset: int | None = None,
) -> None:
    """Writes the network in eval mode as ONNX, by torch's exporter; names are those of the spec.

    Args:
        model: the network, built.
        graph: its graph.
        about: the metadata.
        path: the file.
        free: the dimensions of the inputs that may have any size.
        opset: the version of ONNX's operators; torch's choice if None.

    Raises:
        ExportError: the network cannot be written so, or not in that version.
    """
    if opset is not None:
        _check_opset(opset)
    if _frees_places(free):
        free_adaptive_pools(model)
    with _quiet_eval_mode(model), _tell_torch_errors("the ONNX exporter"), WrittenOutAttention():
        proto = _make_onnx(model, graph, free, opset)
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value)
    if proto.ByteSize() > _LARGEST:
        _write_apart(proto, path)
        return
    checker = extras.load_extra("onnx.checker", "writing ONNX", _INSTALL, ExportError)
    try:
        content: bytes = proto.SerializeToString()
        checker.check_model(content)
    except (ValueError, checker.ValidationError) as error:
        raise ExportError(f"the ONNX exporter made no ONNX: {str(error).strip()}") from error
    files.write_atomically(path, content)


def _make_onnx(model: fx.GraphModule, graph: Graph, free: FreeAxes, opset: int | None) -> Any:
    """The network as a protobuf. Raises `ExportError` where no exporter of torch writes it in a version of the operators."""
    program = torch.onnx.export(
        model,
        _example_inputs(graph, free),
        dynamo=True,
        dynamic_shapes=_dynamic_shapes(graph, free, named=_frees_places(free)),
        input_names=list(graph.inputs),
        output_names=_name_outputs(graph),
        opset_version=opset,
        verbose=False,
    )
    assert program is not None, "without a file torch gives the program"
    proto = program.model_proto
    if opset is None:
        return proto
    if _find_opset(proto) != opset:  # the converter of torch.export's programs leaves what it cannot convert as it is
        proto = _trace_onnx(model, graph, free, opset)
    if _find_opset(proto) != opset:
        raise ExportError(f"torch writes {graph.name} in opset {_find_opset(proto)}, not in {opset}")
    helper = extras.load_extra("onnx.helper", "writing ONNX", _INSTALL, ExportError)
    oldest = helper.find_min_ir_version_for(proto.opset_import)
    proto.ir_version = min(proto.ir_version, max(oldest, _OLDEST_FORMAT))
    return proto


def _trace_onnx(model: fx.GraphModule, graph: Graph, free: FreeAxes, opset: int) -> Any:
    """The network by the exporter of torch that traces, and writes old versions of the operators as they were."""
    onnx = extras.load_extra("onnx", "writing ONNX", _INSTALL, ExportError)
    content = io.BytesIO()
    axes = {name: dimensions for name, dimensions in free.items() if dimensions}
    batched = {name: {0: BATCH} for name in _name_outputs(graph) if any(0 in own for own in free.values())}
    torch._C._jit_set_onnx_log_enabled(False)  # else it prints the graph that it cannot write
    try:
        torch.onnx.export(
            model,
            _example_inputs(graph, free),
            content,  # type: ignore[arg-type]  # it also takes an open file
            dynamo=False,
            dynamic_axes=axes | batched,
            input_names=list(graph.inputs),
            output_names=_name_outputs(graph),
            opset_version=opset,
        )
    except Exception as error:
        raise ExportError(f"torch cannot write {graph.name} in opset {opset}: {_first_sentence(error)}") from error
    return onnx.load_from_string(content.getvalue())


def _find_opset(proto: Any) -> int:
    return next(int(used.version) for used in proto.opset_import if used.domain in ("", "ai.onnx"))


def _check_opset(opset: int) -> None:
    """Raises `ExportError` for a version of ONNX's operators that is none."""
    defs = extras.load_extra("onnx.defs", "writing ONNX", _INSTALL, ExportError)
    newest = defs.onnx_opset_version()
    if not _OLDEST <= opset <= newest:
        raise ExportError(f"opset {opset} cannot be written: expected {_OLDEST} to {newest}")


@contextlib.contextmanager
def _tell_torch_errors(exporter: str) -> Iterator[None]:
    """What an exporter raises as an `ExportError` with its first line."""
    try:
        yield
    except (ArchspecError, MemoryError, OSError):
        raise
    except Exception as error:
        raise ExportError(f"{exporter} cannot write this network: {_first_sentence(error)}") from error


def _write_apart(proto: Any, path: Path) -> None:
    """Writes ONNX with the weights in a second file, for models above the two gigabytes of one file."""
    if files.is_stream(path):
        raise ExportError(f"{path} takes one file; of this size, ONNX is two: give a file")
    helper = extras.load_extra("onnx.external_data_helper", "writing ONNX", _INSTALL, ExportError)
    tensors = [tensor for tensor in proto.graph.initializer if len(tensor.raw_data) >= _ALIGNMENT]
    weights, places = bytearray(), []
    for tensor in tensors:
        weights.extend(b"\0" * (-len(weights) % _ALIGNMENT))
        places.append(len(weights))
        weights.extend(tensor.raw_data)
    beside = path.resolve().with_name(f"{path.name}.{hashlib.sha256(weights).hexdigest()[:16]}.data")
    for tensor, place in zip(tensors, places, strict=True):
        helper.set_external_data(tensor, beside.name, offset=place, length=len(tensor.raw_data))
        tensor.ClearField("raw_data")
    files.write_together(path, proto.SerializeToString(), {beside: bytes(weights)})


def _first_sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0][:_LONGEST]


def _example_inputs(graph: Graph, free: FreeAxes) -> tuple[torch.Tensor, ...]:
    """Inputs with a batch of two where it is free, because torch.export specialises a batch of one."""
    sizes = choose_example_sizes(graph, free)
    return tuple(
        torch.zeros(2 if 0 in free[name] else 1, *sizes[name], dtype=torch.long if graph.holds_indices(value) else None)
        for name, value in graph.inputs.items()
    )


def _dynamic_shapes(graph: Graph, free: FreeAxes, *, named: bool = False) -> dict[str, Any]:
    """What torch.export is told of each input: a batch may have any size, of other axes it finds the range; `named` is for ONNX."""
    batch = torch.export.Dim(BATCH)
    arguments = make_argument_names(list(graph.inputs))
    return {
        argument: {
            dimension: axis if named else batch if axis == BATCH else torch.export.Dim.DYNAMIC
            for dimension, axis in free[name].items()
        }
        for argument, name in zip(arguments, graph.inputs, strict=True)
    }


def _frees_places(free: FreeAxes) -> bool:
    """Whether more is free than batches."""
    return any(dimension for dimensions in free.values() for dimension in dimensions)


def _name_outputs(graph: Graph) -> list[str]:
    """The names of the outputs; one that is also an input's name gets the suffix `_out`."""
    return [f"{name}_out" if name in graph.inputs else name for name in graph.outputs]


@contextlib.contextmanager
def _quiet_eval_mode(model: fx.GraphModule) -> Iterator[None]:
    """A context with the model in eval mode and without the warnings and logs of torch's exporters."""
    training = model.training
    model.eval()
    try:
        with quiet_exporters():
            yield
    finally:
        model.train(training)


@contextlib.contextmanager
def quiet_exporters() -> Iterator[None]:
    """A context without the warnings and logs of torch's exporters, which write tracebacks of what they then raise."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
