"""A built network as the bytes of a file: torch.export, ONNX, safetensors."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from archspec.backends.arguments import argument_names
from archspec.backends.torch.weight_files import pack_safetensors
from archspec.graph import Graph

Writer = Callable[[fx.GraphModule, Graph, Mapping[str, str]], bytes]


class ExportError(RuntimeError):
    """A network that cannot be written in this form on this machine."""


def metadata(text: str, name: str, overrides: Mapping[str, str], *, inference: bool = False) -> dict[str, str]:
    """What a file of weights says of its network: the spec's text, its SHA-256, what was overridden, if it was optimised."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    given = {f"archspec.set.{key}": value for key, value in overrides.items()}
    optimized = {"archspec.optimized": "inference"} if inference else {}
    return {"archspec.name": name, "archspec.spec": text, "archspec.sha256": digest, **given, **optimized}


def pt2(model: fx.GraphModule, graph: Graph, about: Mapping[str, str]) -> bytes:
    """The network in eval mode as a `torch.export` program that takes batches of any size."""
    with _quiet(model):
        program = torch.export.export(model, _example(graph), dynamic_shapes=_dynamic(graph))
        file = io.BytesIO()
        torch.export.save(program, file, extra_files=dict(about))
    return file.getvalue()


def onnx(model: fx.GraphModule, graph: Graph, about: Mapping[str, str]) -> bytes:
    """The network in eval mode as ONNX, by torch's exporter; the batch may have any size, names are those of the spec."""
    try:
        import onnx as format_
        import onnxscript  # noqa: F401 - torch's exporter needs it and says so less clearly
    except ModuleNotFoundError as error:
        raise ExportError(
            f"writing ONNX needs {error.name}, which is not installed: pip install 'archspec-nn[export]'"
        ) from error
    with _quiet(model):
        program = torch.onnx.export(
            model,
            _example(graph),
            dynamo=True,
            dynamic_shapes=_dynamic(graph),
            input_names=list(graph.inputs),
            output_names=_outputs(graph),
            verbose=False,
        )
    assert program is not None, "without a file torch gives the program"
    proto = program.model_proto
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value)
    try:
        content: bytes = proto.SerializeToString()
        format_.checker.check_model(content)
    except (ValueError, format_.checker.ValidationError) as error:
        raise ExportError(f"the ONNX exporter made no ONNX: {str(error).strip()}") from error
    return content


def safetensors(model: fx.GraphModule, graph: Graph, about: Mapping[str, str]) -> bytes:
    """The weights, with the spec and a digest of all of it in the metadata."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    try:
        return pack_safetensors(tensors, about)
    except ModuleNotFoundError as error:
        raise ExportError(
            "writing safetensors needs safetensors, which is not installed: pip install 'archspec-nn[export]'"
        ) from error


WRITERS: Mapping[str, Writer] = {".pt2": pt2, ".onnx": onnx, ".safetensors": safetensors}
"""For the ending of a file's name: what makes its content."""


def _example(graph: Graph) -> tuple[torch.Tensor, ...]:
    """A batch of two: for torch.export a batch of one is a constant."""
    return tuple(
        torch.zeros(2, *value.shape.sizes, dtype=torch.long if graph.takes_indices(value) else None)
        for value in graph.inputs.values()
    )


def _dynamic(graph: Graph) -> dict[str, Any]:
    batch = torch.export.Dim("batch")
    return {name: {0: batch} for name in argument_names(list(graph.inputs))}


def _outputs(graph: Graph) -> list[str]:
    """The names of the outputs; one that is an input's name too gets a mark."""
    return [f"{name}_out" if name in graph.inputs else name for name in graph.outputs]


@contextlib.contextmanager
def _quiet(model: fx.GraphModule) -> Any:
    """The model in eval mode, and torch's exporters without their advice to themselves."""
    training = model.training
    model.eval()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        model.train(training)
