"""Lists the optimisers and precisions whose cost is known."""

from __future__ import annotations

from typing import Literal, get_args

from archspec.errors import ArchspecError

Optimizer = Literal["plain-sgd", "sgd", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
Precision = Literal["32", "bf16", "fp16", "bf16-true"]

STATE: dict[Optimizer, tuple[int, bool]] = {
    "plain-sgd": (0, False),
    "sgd": (1, False),
    "nesterov": (1, False),
    "adagrad": (1, True),
    "rmsprop": (1, True),
    "adam": (2, True),
    "adamw": (2, True),
}
"""For each optimiser of torch: the numbers that it keeps for each parameter, and whether it counts the steps of each tensor."""
BYTES: dict[Precision, tuple[int, int]] = {"32": (4, 4), "bf16": (4, 2), "fp16": (4, 2), "bf16-true": (2, 2)}
"""For each precision: the bytes of a parameter, and those of a value that is kept for the backward pass."""
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class TrainingCostError(ArchspecError, ValueError):
    """Raised for an optimiser or a precision whose cost is not known.

    >>> raise TrainingCostError("there is no precision '8': expected 32, bf16, fp16, bf16-true")
    Traceback (most recent call last):
        ...
    archspec.analysis.training_choices.TrainingCostError: there is no precision '8': expected 32, bf16, fp16, bf16-true
    """
