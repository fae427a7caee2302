"""Makes the graph of a model, or lists why it has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from archspec.ir.graph import Graph
from archspec.ir.shape import Shape
from archspec.ops.base import ShapeError
from archspec.printable import list_some
from archspec.recording.construction import Construction, list_arguments
from archspec.recording.dispatch import raise_trace
from archspec.recording.initialization import set_initial
from archspec.recording.leaf_modules import find_leaf_class
from archspec.recording.normalizing import normalize_draft
from archspec.recording.placing import Placing
from archspec.recording.problems import ImportProblem, ProblemList
from archspec.recording.recorder import record_model
from archspec.recording.trace import Trace, TraceError

Sizes = tuple[int, ...]

_LISTED = 3
_WITHOUT = "make the model without them, with an argument of its factory such as --args aux_logits=false"


@dataclass(frozen=True, slots=True)
class GraphImport:
    """The graph of a model, or the problems because of which it has none."""

    graph: Graph | None
    problems: tuple[ImportProblem, ...]
    unsaid: tuple[str, ...] = ()
    """The tensors whose initialisation the graph does not say."""


def import_graph(
    model: nn.Module, sizes: tuple[Sizes, ...], name: str, source: str = "", construction: Construction | None = None
) -> GraphImport:
    """The graph of a model in evaluation mode, for inputs of these sizes without the batch.

    Args:
        model: the model.
        sizes: the sizes of each input.
        name: the name of the network.
        source: where it is from.
        construction: what was seen as the model was made.

    >>> result = import_graph(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), ((4,),), "tiny")
    >>> [node.op.word for node in result.graph.ops]
    ['linear', 'relu']
    """
    problems = ProblemList()
    if find_leaf_class(model) is not None:
        problems.add("it is a single layer, whose weights have no name: put it into an nn.Sequential")
        return GraphImport(None, problems.list())
    try:
        trace, shapes = _record(model, sizes)
    except TraceError as error:
        problems.add(str(error), error.module, error.line, error.help)
        return GraphImport(None, problems.list())
    draft = raise_trace(trace, shapes, problems)
    if problems.list():
        return GraphImport(None, problems.list())
    normalize_draft(draft)
    unsaid = set_initial(draft, model, construction)
    try:
        graph = Placing(draft, trace.classes, list_arguments(model, construction)).make_graph(name, source)
    except ShapeError as error:
        problems.add(error.message)
        return GraphImport(None, problems.list())
    for message in _find_unused(graph, trace):
        problems.add(message, help=_WITHOUT)
    return GraphImport(None if problems.list() else graph, problems.list(), unsaid)


def _record(model: nn.Module, sizes: tuple[Sizes, ...]) -> tuple[Trace, tuple[Shape, ...]]:
    """The trace of a model and the shapes of its inputs, which are whole numbers if it looks them up in a table."""
    try:
        return record_model(model, sizes), tuple(Shape.of(*size) for size in sizes)
    except TraceError as error:
        if "indices" not in str(error):
            raise
        trace = record_model(model, sizes, (torch.long,) * len(sizes))
        return trace, tuple(Shape.named({"tokens": size[0]}) if len(size) == 1 else Shape.of(*size) for size in sizes)


def _find_unused(graph: Graph, trace: Trace) -> Iterator[str]:
    known = {name for node in graph.ops for name in node.weight_shapes}
    unused = [name for name in trace.state if name not in known and name not in trace.shared]
    if unused:
        yield f"it has weights that it does not read in evaluation mode: {list_some(unused, _LISTED)}"
