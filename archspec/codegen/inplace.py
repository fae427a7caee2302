"""Chooses the activations that run in place, as `nn.ReLU(inplace=True)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from archspec.codegen.lowering import LoweredNode, LoweredOp, ValueRef

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


def use_inplace_activations(steps: list[LoweredNode], outputs: Collection[ValueRef]) -> list[LoweredNode]:
    """The steps, with each activation in place that can be.

    An activation runs in place if it is the only consumer of its operand, which one of `FRESH` produced in the same region and which is
    no output of the network; a shared activation only if this holds for each use. So a block never writes over its input.
    """
    use_counts = Counter([*outputs, *(ref for step in steps for ref in step.operands)])
    producers = {step.node.id: step for step in steps}
    activations = [
        step
        for step in steps
        if step.lowered.stateful_call is not None and step.lowered.stateful_call.target in OVERWRITING
    ]
    seen = {
        step.path for step in activations if not _is_only_consumer(step, producers.get(step.operands[0][0]), use_counts)
    }
    number = 1 + max((step.lowered.id for step in steps), default=0)
    kinds: dict[LoweredOp, LoweredOp] = {}
    for step in activations:
        if step.path not in seen and step.lowered not in kinds:
            kinds[step.lowered] = _make_inplace(step.lowered, number + len(kinds))
    return [
        replace(step, lowered=kinds[step.lowered]) if step.lowered in kinds and step.path not in seen else step
        for step in steps
    ]


def _is_only_consumer(step: LoweredNode, producer: LoweredNode | None, use_counts: Counter[ValueRef]) -> bool:
    if producer is None or producer.node.region != step.node.region or use_counts[step.operands[0]] > 1:
        return False
    return producer.lowered.calls[-1].target in FRESH


def _make_inplace(kind: LoweredOp, number: int) -> LoweredOp:
    (call,) = kind.calls
    call = replace(call, options={**call.options, "inplace": True})
    return LoweredOp(number, (call,), call)
