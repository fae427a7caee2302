"""Activations that write over their operand, as people write them by hand: `nn.ReLU(inplace=True)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from archspec.backends.steps import Kind, Ref, Step

OVERWRITING = frozenset(["torch.nn.ReLU", "torch.nn.ReLU6"])
"""Activations whose gradient needs their result alone, and is equal to the last bit whether or not they write in place."""

FRESH = frozenset(
    [
        *(f"torch.nn.{kind}{rank}d" for kind in ("Conv", "ConvTranspose", "BatchNorm") for rank in (1, 2, 3)),
        "torch.nn.GroupNorm",
        "torch.nn.LayerNorm",
        "torch.add",
        "torch.cat",
    ]
)
"""What makes a tensor that is no view of another one, and needs not that tensor for its own gradient."""


def overwrite(steps: list[Step], outputs: Collection[Ref]) -> list[Step]:
    """The steps, activations in place where no one can see it.

    So is an activation that alone reads a value which was made in its own scope by one of `FRESH` and is no output of the
    network; one with several uses only if that is true of each. So a block never writes over its input.
    """
    readers = Counter([*outputs, *(ref for step in steps for ref in step.operands)])
    makers = {step.node.id: step for step in steps}
    activations = [step for step in steps if step.kind.state is not None and step.kind.state.target in OVERWRITING]
    seen = {step.path for step in activations if not _alone(step, makers.get(step.operands[0][0]), readers)}
    number = 1 + max((step.kind.number for step in steps), default=0)
    kinds: dict[Kind, Kind] = {}
    for step in activations:
        if step.path not in seen and step.kind not in kinds:
            kinds[step.kind] = _in_place(step.kind, number + len(kinds))
    return [
        replace(step, kind=kinds[step.kind]) if step.kind in kinds and step.path not in seen else step for step in steps
    ]


def _alone(step: Step, maker: Step | None, readers: Counter[Ref]) -> bool:
    if maker is None or maker.node.scope != step.node.scope or readers[step.operands[0]] > 1:
        return False
    return maker.kind.calls[-1].target in FRESH


def _in_place(kind: Kind, number: int) -> Kind:
    (call,) = kind.calls
    call = replace(call, options={**call.options, "inplace": True})
    return Kind(number, (call,), call)
