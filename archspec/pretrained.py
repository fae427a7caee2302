"""Packs a network and its weights as a model's folder: a self-contained spec, weights, a config and a model card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from archspec import files, hub
from archspec.codegen.python.about import DescribedNetwork
from archspec.errors import ExportError
from archspec.formats import find_format
from archspec.json_text import dump_json
from archspec.spans import Source

if TYPE_CHECKING:
    from archspec.ir.graph import Graph
    from archspec.spec.bound_tree import Program

WEIGHTS_FILE = "model.safetensors"


class PretrainedNetwork(DescribedNetwork, Protocol):
    """The part of `Architecture` that is used here."""

    graph: Graph
    program: Program
    text: str
    rewrites: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def optimized(self) -> bool: ...
    @property
    def build(self) -> Callable[..., Any]: ...


def upload(content: Mapping[str, bytes], repo_id: str, *, branch: str | None = None, **options: Any) -> str:
    """Uploads files to a repository, and returns the URL of the commit. Raises `HubError` and `UnavailableError`."""
    with files.write_temporary_folder(content) as folder:
        return hub.upload_folder(folder, repo_id, revision=branch, **options)


def pack_folder(
    arch: PretrainedNetwork,
    address: str,
    *,
    model_card_kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, bytes]:
    """The files of a model's folder by name, the spec last. `address` is the repository or folder that the model card loads; `options` are those of `build`.

    Raises:
        ExportError: the network is optimised, or safetensors is not installed.
        WeightsError: as in `build`.
        OSError: a file of weights cannot be read.
    """
    from archspec.report.model_card import write_model_card

    spec = write_whole_spec(arch).encode()
    weights = _pack_weights(arch, spec.decode(), options)
    facts = _collect_facts(arch) | {"spec_sha256": _hash(spec), "weights_sha256": _hash(weights)}
    card = write_model_card(facts, address, metadata=model_card_kwargs)
    config = dump_json({"library_name": "archspec", **facts}, indent=2) + "\n"
    return {WEIGHTS_FILE: weights, "config.json": config.encode(), "README.md": card.encode(), hub.SPEC_FILE: spec}


def write_whole_spec(arch: PretrainedNetwork) -> str:
    """A spec of a network without `extends`, with overridden arguments and applied passes; the original text if it has none of these.

    Raises `ExportError`.
    """
    from archspec.spec.flatten import flatten_document

    if arch.optimized:
        raise ExportError("an optimised network has no spec: save the one that it was made from")
    document = arch.program.document
    if document is None:
        raise ExportError(f"{arch.name} was made of no spec")
    parts = document.networks.documents if document.networks else {}
    if document.base is None and not (document.overrides or arch.rewrites or parts) and _describes(arch.text, arch):
        return arch.text
    rewrites = [{word: dict(arguments)} if arguments else word for word, arguments in arch.rewrites]
    text = flatten_document(document, rewrites, {"params": arch.params, "macs": arch.macs, "depth": arch.depth})
    if not _describes(text, arch):
        raise ExportError(f"{arch.name} cannot be written as one spec: compiled again, it is another network")
    return text


def _describes(text: str, arch: PretrainedNetwork) -> bool:
    """Whether a spec compiles to the graph of a network."""
    from archspec.ir.text import format_graph
    from archspec.spec.compiler import compile_source
    from archspec.spec.limits import DEFAULT

    _, graph, *_ = compile_source(Source("<spec>", text), None, DEFAULT, {})
    return format_graph(graph) == format_graph(arch.graph)


def _pack_weights(arch: PretrainedNetwork, text: str, options: Mapping[str, Any]) -> bytes:
    from archspec.codegen.fx import make_metadata

    pack = find_format(Path(WEIGHTS_FILE), "weights").load_writer()
    state = arch.build(**options).state_dict()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    packed: bytes = pack(tensors, {"format": "pt", **make_metadata(text, arch.name, {})})
    return packed


def _collect_facts(arch: PretrainedNetwork) -> dict[str, Any]:
    return {
        "name": arch.name,
        "source": arch.paper,
        "params": arch.params,
        "macs": arch.macs,
        "depth": arch.depth,
        "inputs": {name: list(sizes) for name, sizes in arch.input_shapes.items()},
        "outputs": {name: list(sizes) for name, sizes in arch.output_shapes.items()},
    }


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
