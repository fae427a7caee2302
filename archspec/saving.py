"""Writes a network to a file in the format of its ending, for `Architecture.save`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from archspec import files
from archspec.errors import ExportError
from archspec.formats import Format, find_format
from archspec.spans import Source

if TYPE_CHECKING:
    from archspec.codegen.dynamic_axes import Dynamic
    from archspec.ir.graph import Graph
    from archspec.spec.bound_tree import Program
    from archspec.spec.limits import Limits

NetworkKind = Literal["picture", "table", "comparison", "source", "program", "weights", "report", "spec"]
"""The kinds of `archspec.formats` that are made from networks."""


class SavedNetwork(Protocol):
    """The interface of `Architecture` that saving needs."""

    graph: Graph
    program: Program
    text: str
    overrides: dict[str, str]
    path: Path | None
    rewrites: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def name(self) -> str: ...
    @property
    def optimized(self) -> bool: ...
    @property
    def build(self) -> Callable[..., Any]: ...
    @property
    def draw(self) -> Callable[..., Any]: ...
    def paths(self) -> Any: ...
    @property
    def summary(self) -> Callable[..., Any]: ...
    def diff(self, other: Any) -> Any: ...
    def report(self, *others: Any) -> str: ...
    @property
    def sources(self) -> tuple[Source, ...]: ...
    def source(self, command: str | None = None) -> str: ...


def save_network(
    arch: SavedNetwork, path: Path, kind: NetworkKind | None, ending: str | None, options: Mapping[str, Any]
) -> None:
    """Writes a network atomically; see `Architecture.save`."""
    kinds: Sequence[NetworkKind] = get_args(NetworkKind) if kind is None else (kind,)
    form = find_format(path, *kinds, ending=ending)
    files.check_writable(path)
    _check_sources(path, (arch, *options.get("beside", ()), *filter(None, [options.get("other")])))
    _WRITERS[form.kind](arch, form, path, **options)


def _check_sources(path: Path, networks: Iterable[SavedNetwork]) -> None:
    """Raises `ExportError` if a file that networks were read from would be overwritten."""
    for network in networks:
        for source in network.sources:
            if source.path is not None and files.is_same_file(path, source.path):
                raise ExportError(f"{path} is a spec of {network.name}, which would be lost: write another file")


def _write_picture(
    arch: SavedNetwork, form: Format, path: Path, *, theme: Literal["light", "dark", "print"] = "light", **options: Any
) -> None:
    from archspec.draw import THEMES, render_picture

    files.write_atomically(path, render_picture(arch.draw(**options), form.ending, THEMES[theme]))


def _write_table(arch: SavedNetwork, form: Format, path: Path, **options: Any) -> None:
    files.write_atomically(path, form.load_writer()(arch.summary(**options)))


def _write_comparison(arch: SavedNetwork, form: Format, path: Path, *, other: SavedNetwork) -> None:
    files.write_atomically(path, form.load_writer()(arch.diff(other)))


def _write_report(arch: SavedNetwork, _: Format, path: Path, *, beside: Sequence[SavedNetwork] = ()) -> None:
    files.write_atomically(path, arch.report(*beside))


def _write_source(
    arch: SavedNetwork, _: Format, path: Path, *, command: str | None = None, weights: str | Path | None = None
) -> None:
    if weights is not None:
        raise ExportError(f"{path.name} holds no weights: write them to a .safetensors file beside it")
    files.write_atomically(path, arch.source(command))


def _write_program(
    arch: SavedNetwork,
    form: Format,
    path: Path,
    *,
    dynamic: Dynamic | None = None,
    opset: int | None = None,
    **options: Any,
) -> None:
    from archspec.codegen.dynamic_axes import find_free_axes

    if opset is not None and form.ending != ".onnx":
        raise ExportError(f"{form.ending} has no opset; it is of .onnx")
    write = form.load_writer()
    free = find_free_axes(arch.graph, dynamic)
    versions = {} if opset is None else {"opset": opset}
    write(arch.build(**options), arch.graph, _describe(arch), path, free, **versions)


def _write_weights(arch: SavedNetwork, form: Format, path: Path, **options: Any) -> None:
    pack = form.load_writer()
    state = arch.build(**options).state_dict()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    files.write_atomically(path, pack(tensors, _describe(arch)))


def _describe(arch: SavedNetwork) -> dict[str, str]:
    """The metadata of a file about its network."""
    from archspec.codegen.fx import make_metadata

    inputs = {given.name: given.sizes for given in arch.program.given_inputs}
    return make_metadata(arch.text, arch.name, arch.overrides, inputs=inputs, inference=arch.graph.inference)


def _write_spec(arch: SavedNetwork, _: Format, path: Path, *, limits: Limits | None = None) -> None:
    from archspec.ir.text import format_graph
    from archspec.spec.compiler import compile_source
    from archspec.spec.limits import DEFAULT

    word = arch.rewrites[-1][0] if arch.rewrites else "copy"
    place = files.name_file(arch.name, f"_{word}.yaml") if files.is_stream(path) else path
    text = _derive_text(arch, place)
    compiled = compile_source(
        Source(str(place), text, path=place), place, limits or DEFAULT, {}
    )  # raises before a file is written
    if arch.path is None and format_graph(compiled[1]) != format_graph(arch.graph):
        raise ExportError("a spec that is in no file cannot be written with other arguments: load it from one")
    files.write_atomically(path, text)


def _derive_text(arch: SavedNetwork, path: Path) -> str:
    """A spec of the network that extends the one that it was loaded from. Raises `ExportError`."""
    from archspec.printable import escape_unprintable
    from archspec.spec.derive import derive_spec, find_reference
    from archspec.spec.flatten import flatten_document
    from archspec.spec.yaml_reader import read_tree
    from archspec.spec.yaml_tree import to_plain_data

    if arch.optimized:
        raise ExportError("an optimised network has no spec: write the one that it was made from")
    if arch.path is None and not (arch.rewrites or arch.overrides or arch.program.given_inputs):
        return arch.text
    args = {name: to_plain_data(read_tree(Source.option(name, text))) for name, text in arch.overrides.items()}
    rewrites = [{word: arguments} if arguments else word for word, arguments in arch.rewrites]
    name = escape_unprintable(path.stem)
    if arch.path is None:
        assert arch.program.document is not None
        return flatten_document(arch.program.document, rewrites)
    return derive_spec(
        arch.program, find_reference(arch.path, path), name, rewrites, args=args, paths=arch.paths().total
    )


_WRITERS: Mapping[str, Any] = {
    "picture": _write_picture,
    "table": _write_table,
    "comparison": _write_comparison,
    "source": _write_source,
    "program": _write_program,
    "weights": _write_weights,
    "report": _write_report,
    "spec": _write_spec,
}
