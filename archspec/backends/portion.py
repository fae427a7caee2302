"""A part of a network as a network of its own: consecutive nodes, with what crosses into them and out of them."""

from __future__ import annotations

from archspec.analysis.crossing import Lives
from archspec.analysis.cuts import Stage
from archspec.analysis.folding import silent
from archspec.backends.steps import steps_of
from archspec.graph import Graph, Input, Value


def portion(graph: Graph, stage: Stage) -> Graph:
    """A stage of a network as a graph: its modules have the names and the scopes that they have in the whole.

    Its inputs are what the stage receives and its outputs what it sends, in that order; a value that it only hands on is an
    input and an output. Names are those of the network's inputs and outputs, and of the modules that make what crosses.
    """
    steps, _ = steps_of(graph)
    paths = {step.node.id: step.path for step in steps}
    lives = Lives(graph)
    part = graph.emptied()
    made: dict[Value, Value] = {}
    for crossing in stage.receives:
        taken = graph.nodes[crossing.value.node]
        made[crossing.value] = part.input(crossing.name, crossing.value.shape, taken.span)
    for node in graph.nodes[stage.nodes.start : stage.nodes.stop]:
        if isinstance(node, Input) or silent(node):
            continue
        inputs = tuple(made[lives.same[value]] for value in node.inputs)
        outputs = part.add(
            node.op, inputs, paths.get(node.id, node.path), scope=node.scope, span=node.span, use=node.use
        )
        made.update(zip(node.outputs, outputs, strict=True))
    part.outputs = {crossing.name: made[lives.same[crossing.value]] for crossing in stage.sends}
    return part
