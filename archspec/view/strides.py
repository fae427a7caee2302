"""The last part of each stride of a network: what a detection head reads."""

from __future__ import annotations

from archspec.analysis.receptive_field import Reduction, list_reductions
from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Node, Region
from archspec.ir.parts import NamedParts
from archspec.ops.pool import AdaptivePool
from archspec.view.repetition import FoldedGraph
from archspec.view.stages import iter_stage_runs


class UnknownFeatureError(ArchspecError, LookupError):
    """An index that no stride of the network has."""


def find_last_of_strides(graph: Graph) -> list[str]:
    """The names of the last stages of each stride, from the finest on: what timm's `out_indices` count.

    A stage is a part that a picture of stages shows, or a layer outside of them.

    >>> import archspec
    >>> find_last_of_strides(archspec.load("resnet50").graph)
    ['relu', 'layer1', 'layer2', 'layer3', 'layer4']
    """
    reductions = list_reductions(graph)
    parts = graph.derive(NamedParts)
    last: dict[Reduction, str] = {}
    for run in iter_stage_runs(FoldedGraph(graph)):
        for facts in run.parts:
            name = ".".join(facts.part.path) if isinstance(facts.part, Node | Region) else ""
            part = parts.get(name) if name else None
            stride = reductions[part.outputs[-1]] if part is not None else None
            if stride is not None and not isinstance(getattr(facts.part, "op", None), AdaptivePool):
                last[stride] = name
    return list(last.values())


def find_feature_name(graph: Graph, index: int) -> str:
    """The part of an index; a negative one counts from the end. Raises `UnknownFeatureError`."""
    names = find_last_of_strides(graph)
    if not -len(names) <= index < len(names):
        known = (
            f"it has 0 to {len(names) - 1}: {', '.join(names)}" if names else "its values have no places; name parts"
        )
        raise UnknownFeatureError(f"{graph.name} has no stride of index {index}; {known}")
    return names[index]
