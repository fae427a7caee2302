"""Chooses the activations and sums that run in place, as `nn.ReLU(inplace=True)` and `add_`."""

from __future__ import annotations

from dataclasses import replace

from archspec.codegen.lowering import DROP_PATH, LoweredNode, LoweredOp
from archspec.ir.graph import Graph
from archspec.ir.uses import ComputedUses
from archspec.ops.base import Operand

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

ADD_IN_PLACE = "archspec.codegen.fx.inplace_sum.add"
"""The function that a sum in place calls; it adds in a new tensor where something watches."""


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


def use_inplace_sums(graph: Graph, steps: list[LoweredNode]) -> list[LoweredNode]:
    """The steps of a graph, with each sum in place that can be.

    A sum adds into an operand of which it is the only consumer, and which one of `FRESH` produced in the same region. The sum of more
    operands adds the others into that of the first two. A sum of which an operand is dropped by stochastic depth stays as it is: its
    branch is skipped by way of it (`codegen.branches`).
    """
    uses = graph.derive(ComputedUses)
    producers = {step.node.id: step for step in steps}
    number = 1 + max((step.lowered.id for step in steps), default=0)
    inplace: dict[tuple[LoweredOp, int | None], LoweredOp] = {}

    def overwritten(step: LoweredNode) -> int | None:
        """The operand that a sum may add into."""
        for index, value in enumerate(step.operands[:2]):
            if len(uses.users[value]) == 1 and _is_fresh(step, producers.get(value.node)):
                return index
        return None

    def replaced(step: LoweredNode) -> LoweredNode:
        if not _is_sum(step) or any(_is_dropped(producers.get(value.node)) for value in step.operands):
            return step
        key = step.lowered, overwritten(step)
        if key not in inplace:
            inplace[key] = _make_sum_inplace(*key, number + len(inplace))
        return replace(step, lowered=inplace[key])

    return [replaced(step) for step in steps]


def _is_sum(step: LoweredNode) -> bool:
    """Whether a step adds up values of one shape, and does nothing else."""
    return len(step.operands) > 1 and step.aligned and all(call.target == "torch.add" for call in step.lowered.calls)


def _is_dropped(producer: LoweredNode | None) -> bool:
    return producer is not None and producer.lowered.stateful_target == DROP_PATH


def _make_sum_inplace(kind: LoweredOp, index: int | None, number: int) -> LoweredOp:
    """The sum that adds into the operand `index`, if there is one, and into each sum before the last."""
    first, *others = kind.calls
    if index is not None:
        first = replace(first, target=ADD_IN_PLACE, args=(Operand(index), Operand(1 - index)))
    calls = (first, *(replace(call, target=ADD_IN_PLACE) for call in others))
    return LoweredOp(number, calls, None)


def _is_fresh(step: LoweredNode, producer: LoweredNode | None) -> bool:
    """Whether the operand of an activation is no view and was produced in the same region."""
    if producer is None or producer.node.region != step.node.region:
        return False
    return bool(producer.lowered.calls) and producer.lowered.calls[-1].target in FRESH | {ADD_IN_PLACE}


def _make_inplace(kind: LoweredOp, number: int) -> LoweredOp:
    (call,) = kind.calls
    call = replace(call, options={**call.options, "inplace": True})
    return LoweredOp(number, (call,), call)
