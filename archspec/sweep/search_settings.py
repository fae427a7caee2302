"""How points of a space are searched for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class SearchSettings(BaseModel):
    """A search by Optuna.

    >>> SearchSettings(objectives=["test_error", "macs"]).sampler
    'tpe'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    objectives: Annotated[
        tuple[str, ...],
        Field(min_length=1, max_length=8, description="counts or measures; less is better, with - before it more"),
    ]
    trials: Annotated[int, Field(ge=1, le=10**6, description="points that meet the conditions and are measured")] = 100
    sampler: Annotated[
        Literal["tpe", "nsga2", "random"],
        Field(description="the tree-structured Parzen estimator, NSGA-II, or points drawn independently"),
    ] = "tpe"
    seed: Annotated[int, Field(ge=0, lt=2**31, description="of the sampler")] = 0
