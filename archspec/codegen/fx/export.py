"""Exports built networks as `torch.export` programs and ONNX."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from archspec import extras, files
from archspec.codegen.arguments import make_argument_names
from archspec.errors import ExportError
from archspec.ir.graph import Graph

_LARGEST = 2**31 - 2**20
"""The most bytes of one ONNX file: protobuf's limit minus a margin."""
_ALIGNMENT = 4096
"""The alignment of weights in a separate file, for memory mapping."""
_INSTALL = "pip install 'archspec-nn[export]'"


def make_metadata(text: str, name: str, overrides: Mapping[str, str], *, inference: bool = False) -> dict[str, str]:
    """The metadata of a file of weights: the spec's text, its SHA-256, the overridden arguments, and whether the network was optimised.

    >>> sorted(make_metadata("name: a", "a", {"width": "8"}))
    ['archspec.name', 'archspec.set.width', 'archspec.sha256', 'archspec.spec']
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    given = {f"archspec.set.{key}": value for key, value in overrides.items()}
    optimized = {"archspec.optimized": "inference"} if inference else {}
    return {"archspec.name": name, "archspec.spec": text, "archspec.sha256": digest, **given, **optimized}


def export_pt2(model: fx.GraphModule, graph: Graph, about: Mapping[str, str], path: Path) -> None:
    """Writes the network in eval mode as a `torch.export` program that takes batches of any size."""
    with _quiet_eval_mode(model):
        program = torch.export.export(model, _example_inputs(graph), dynamic_shapes=_dynamic_shapes(graph))
        _return_plain_tuple(program, len(graph.outputs))
        with files.replace_file(path) as file:
            torch.export.save(program, file, extra_files=dict(about))


def _return_plain_tuple(program: torch.export.ExportedProgram, count: int) -> None:
    """Has a program of several outputs return a tuple without names, so that it can be loaded without archspec."""
    signature = program.module_call_graph[0].signature
    if count > 1 and signature is not None:
        signature.out_spec = pytree.tree_structure((0,) * count)


def export_onnx(model: fx.GraphModule, graph: Graph, about: Mapping[str, str], path: Path) -> None:
    """Writes the network in eval mode as ONNX, by torch's exporter; the batch may have any size, names are those of the spec."""
    with _quiet_eval_mode(model):
        program = torch.onnx.export(
            model,
            _example_inputs(graph),
            dynamo=True,
            dynamic_shapes=_dynamic_shapes(graph),
            input_names=list(graph.inputs),
            output_names=_name_outputs(graph),
            verbose=False,
        )
    assert program is not None, "without a file torch gives the program"
    proto = program.model_proto
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


def _example_inputs(graph: Graph) -> tuple[torch.Tensor, ...]:
    """Inputs with a batch of two, because torch.export specialises a batch of one."""
    return tuple(
        torch.zeros(2, *value.shape.sizes, dtype=torch.long if graph.holds_indices(value) else None)
        for value in graph.inputs.values()
    )


def _dynamic_shapes(graph: Graph) -> dict[str, Any]:
    batch = torch.export.Dim("batch")
    return {name: {0: batch} for name in make_argument_names(list(graph.inputs))}


def _name_outputs(graph: Graph) -> list[str]:
    """The names of the outputs; one that is also an input's name gets the suffix `_out`."""
    return [f"{name}_out" if name in graph.inputs else name for name in graph.outputs]


@contextlib.contextmanager
def _quiet_eval_mode(model: fx.GraphModule) -> Any:
    """A context with the model in eval mode and without the warnings of torch's exporters."""
    training = model.training
    model.eval()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        model.train(training)
