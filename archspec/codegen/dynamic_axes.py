"""Axes of inputs that an exported network leaves free: which are meant, and whether the network allows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.errors import ExportError
from archspec.ir.graph import Graph
from archspec.ir.shape import Shape
from archspec.ir.size_dependence import FixedLayer, find_fixed_layers
from archspec.suggestions import did_you_mean

BATCH = "batch"
Dynamic = str | Iterable[str] | Mapping[str, str | Iterable[str]]
"""Names of axes (`"batch,height,width"`, or several), for all inputs or by the name of an input; `input=batch,height` is that of one, too."""
FreeAxes = dict[str, dict[int, str]]
"""By the name of an input: the dimensions of its tensor that are free, and what they are called."""

_PROBES = ((2, 0), (3, 0), (1, 32), (1, 64))
"""Other sizes at which a network is tried: so many times its own, and so many more."""


def find_free_axes(graph: Graph, dynamic: Dynamic | None) -> FreeAxes:
    """The free dimensions of each input; the batch alone if nothing is said.

    Raises:
        ExportError: no input has an axis of a name, or a layer needs the size that it has.

    >>> import archspec
    >>> find_free_axes(archspec.load("resnet18").graph, "batch,height,width")
    {'input': {0: 'batch', 2: 'height', 3: 'width'}}
    >>> find_free_axes(archspec.load("vit_b_16").graph, ("batch", "height"))
    Traceback (most recent call last):
        ...
    archspec.errors.ExportError: height cannot be free: encoder.pos_embedding (parameter) needs the size that it has: its 1×197×768 do not fit (vit_b_16.yaml:37:11)
    """
    names = {name: [BATCH] for name in graph.inputs} if dynamic is None else _read_names(graph, dynamic)
    free = {name: _find_dimensions(graph.inputs[name].shape, axes) for name, axes in names.items()}
    _check_free(graph, free)
    return free


def _read_names(graph: Graph, dynamic: Dynamic) -> dict[str, list[str]]:
    """The names of the free axes of each input."""
    items = dynamic.items() if isinstance(dynamic, Mapping) else [("", text) for text in _split(dynamic, " ")]
    names: dict[str, list[str]] = {name: [] for name in graph.inputs}
    for given, value in items:
        own, equals, rest = value.partition("=") if isinstance(value, str) and not given else (given, given, value)
        axes = _split(rest if equals else value, ",")
        _check_names(graph, own.strip() if equals else "", axes)
        for name, shape in _select_inputs(graph, own.strip() if equals else "").items():
            names[name] += [axis for axis in axes if axis == BATCH or shape.axis(axis) is not None]
    return names


def _split(text: str | Iterable[str], mark: str) -> list[str]:
    words = text.split(mark) if isinstance(text, str) else text
    return [word.strip() for word in words if word.strip() not in ("", "none")]


def _select_inputs(graph: Graph, name: str) -> dict[str, Shape]:
    """All inputs, or the one of a name. Raises `ExportError`."""
    shapes = {own: value.shape for own, value in graph.inputs.items()}
    if name and name not in shapes:
        raise ExportError(f"{graph.name} has no input {name[:60]!r}; {did_you_mean(name, shapes)}")
    return {name: shapes[name]} if name else shapes


def _check_names(graph: Graph, name: str, axes: list[str]) -> None:
    """Raises `ExportError` for an axis that no input has."""
    shapes = _select_inputs(graph, name).values()
    for axis in axes:
        if axis != BATCH and all(shape.axis(axis) is None for shape in shapes):
            known = dict.fromkeys((BATCH, *(own for shape in shapes for own in shape.names if own)))
            raise ExportError(f"{graph.name} has no axis {axis[:60]!r} in its inputs; {did_you_mean(axis, known)}")


def _find_dimensions(shape: Shape, axes: Iterable[str]) -> dict[int, str]:
    dimensions = {}
    for name in axes:
        axis = None if name == BATCH else shape.axis(name)
        dimensions[0 if axis is None else shape.dim(axis)] = name
    return dict(sorted(dimensions.items()))


def _check_free(graph: Graph, free: FreeAxes) -> None:
    """Raises `ExportError` where a layer is another with other sizes of the free axes."""
    axes = dict.fromkeys(axis for dimensions in free.values() for axis in dimensions.values() if axis != BATCH)
    if not axes:
        return
    failures: list[FixedLayer] = []
    for times, more in _PROBES:
        inputs = {name: _resize(graph.inputs[name].shape, free[name], times, more) for name in free}
        fixed = next(find_fixed_layers(graph, inputs), None)
        if fixed is None:
            return
        failures.append(fixed)
        if fixed.kind != "shapes":
            break
    raise ExportError(_describe(failures[-1 if failures[-1].kind != "shapes" else 0], list(axes)))


def choose_example_sizes(graph: Graph, free: FreeAxes) -> dict[str, tuple[int, ...]]:
    """The sizes of each input that a program is traced with: larger ones on free axes, since torch takes a size of 1 inside for a constant.

    >>> import archspec
    >>> choose_example_sizes(archspec.load("resnet18").graph, {"input": {0: "batch", 2: "height"}})
    {'input': (3, 448, 224)}
    """
    for times, more in _PROBES:
        inputs = {name: _resize(graph.inputs[name].shape, free[name], times, more) for name in free}
        if next(find_fixed_layers(graph, inputs), None) is None:
            return {name: shape.sizes for name, shape in inputs.items()}
    return {name: value.shape.sizes for name, value in graph.inputs.items()}


def _resize(shape: Shape, free: Mapping[int, str], times: int, more: int) -> Shape:
    places = {dimension - shape.batched for dimension, name in free.items() if name != BATCH}
    return shape.resized(
        tuple(size * times + more if axis in places else size for axis, size in enumerate(shape.sizes))
    )


def _describe(fixed: FixedLayer, axes: list[str]) -> str:
    advice = "; globalpool or adaptivepool before it would do" if fixed.node.op.word == "linear" else ""
    text = f"{' and '.join(axes)} cannot be free: {fixed.name} needs the size that it has: {fixed.reason}"
    return f"{text} ({fixed.node.span}){advice}"
