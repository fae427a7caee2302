"""Modules that torch does not have."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016, arXiv:1603.09382, equations 2 and 5): drops a residual branch as a whole.

    With the survival probability q = 1 - p and b ~ Bernoulli(q), drawn for each sample (`mode="row"`) or once for the
    minibatch (`mode="batch"`):

    - `rescale="train"`: x · b / q in training, x in evaluation, as dropout scales;
    - `rescale="test"`: x · b in training, x · q in evaluation, as the paper has it.

    The two are equal in expectation. Takes a tensor of any shape whose first axis is the batch, and gives one of that
    shape. With p = 1 the branch is always dropped. Raises `ValueError` where `p` is not a probability.
    """

    def __init__(
        self, p: float, mode: Literal["row", "batch"] = "row", rescale: Literal["train", "test"] = "train"
    ) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be a probability, got {p}")
        if mode not in ("row", "batch"):
            raise ValueError(f"mode must be row or batch, got {mode!r}")
        if rescale not in ("train", "test"):
            raise ValueError(f"rescale must be train or test, got {rescale!r}")
        self.p, self.mode, self.rescale = p, mode, rescale

    def forward(self, x: Tensor) -> Tensor:
        survival = 1.0 - self.p
        if not self.training:
            return x * survival if self.rescale == "test" and self.p else x
        if self.p == 0.0:
            return x
        drawn = x.shape[0] if self.mode == "row" else 1
        kept = torch.empty((drawn,) + (1,) * (x.dim() - 1), dtype=x.dtype, device=x.device).bernoulli_(survival)
        return x * (kept / survival if self.rescale == "train" and survival else kept)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}, rescale={self.rescale}"
