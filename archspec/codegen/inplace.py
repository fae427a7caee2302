"""Chooses the activations that run in place, as `nn.ReLU(inplace=True)`."""

from __future__ import annotations

from dataclasses import replace

from archspec.codegen.lowering import LoweredNode, LoweredOp
from archspec.ir.graph import Graph
from archspec.ir.uses import ComputedUses

OVERWRITING = frozenset(["torch.nn.ReLU", "torch.nn.ReLU6"])
"""Activations whose gradient needs only their result, and is bitwise the same in place."""

FRESH = frozenset(
    [
        *(f"torch.nn.{kind}{rank}d" for kind in ("Conv", "ConvTranspose", "BatchNorm") for rank in (1, 2, 3)),
        "torch.nn.GroupNorm",
        "torch.nn.LayerNorm",
        "torch.add",
        "torch.cat",
    ]
)
"""Ops whose result is no view of an operand and not needed for their own gradient."""


def use_inplace_activations(graph: Graph, steps: list[LoweredNode]) -> list[LoweredNode]:
    """The steps of a graph, with each activation in place that can be.

    An activation runs in place if it is the only consumer of its operand, which one of `FRESH` produced in the same region and which is
    no output of the network; a shared activation only if this holds for each use. So a block never writes over its input.
    """
    uses = graph.derive(ComputedUses)
    producers = {step.node.id: step for step in steps}
    activations = [step for step in steps if step.lowered.stateful_target in OVERWRITING]
    kept = {
        step.path
        for step in activations
        if len(uses.users[step.operands[0]]) > 1 or not _is_fresh(step, producers.get(step.operands[0].node))
    }
    number = 1 + max((step.lowered.id for step in steps), default=0)
    inplace: dict[LoweredOp, LoweredOp] = {}
    for step in activations:
        if step.path not in kept and step.lowered not in inplace:
            inplace[step.lowered] = _make_inplace(step.lowered, number + len(inplace))
    return [
        replace(step, lowered=inplace[step.lowered]) if step.lowered in inplace and step.path not in kept else step
        for step in steps
    ]


def _is_fresh(step: LoweredNode, producer: LoweredNode | None) -> bool:
    """Whether the operand of an activation is no view and was produced in the same region."""
    if producer is None or producer.node.region != step.node.region:
        return False
    return producer.lowered.calls[-1].target in FRESH


def _make_inplace(kind: LoweredOp, number: int) -> LoweredOp:
    (call,) = kind.calls
    call = replace(call, options={**call.options, "inplace": True})
    return LoweredOp(number, (call,), call)
