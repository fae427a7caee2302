"""Extracts consecutive nodes of a network as a graph of their own."""

from __future__ import annotations

from archspec.analysis.partition import PartitionStage
from archspec.codegen.lowering import lower_graph
from archspec.ir.graph import Graph, Value, computes
from archspec.ir.uses import ComputedUses


def extract_stage(graph: Graph, stage: PartitionStage) -> Graph:
    """A pipeline stage as a graph of its own, in which modules keep their names and regions.

    Its inputs are the values that the stage receives and its outputs those that it sends, in order; a value that it only passes on is
    both. They are named after the network's inputs and outputs, or after the modules that produce them.
    """
    paths = {step.node.id: step.path for step in lower_graph(graph)}
    uses = graph.derive(ComputedUses)
    part = graph.copy_without_nodes()
    made: dict[Value, Value] = {}
    for crossing in stage.receives:
        taken = graph.nodes[crossing.value.node]
        made[crossing.value] = part.add_input(crossing.name, crossing.value.shape, taken.span)
    for node in graph.nodes[stage.nodes.start : stage.nodes.stop]:
        if not computes(node):
            continue
        inputs = tuple(made[value] for value in uses.operands(node))
        outputs = part.add_node(
            node.op, inputs, paths.get(node.id, node.path), region=node.region, span=node.span, use=node.use
        )
        made.update(zip(node.outputs, outputs, strict=True))
    part.outputs = {crossing.name: made[uses.alias_of[crossing.value]] for crossing in stage.sends}
    return part.freeze()
