"""Modules that torch lacks."""

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

    The two are equal in expectation. Takes a tensor of any shape whose first axis is the batch, and returns one of that
    shape. With p = 1 the branch is always dropped.

    In a built network, a branch that enters a sum and is dropped for the whole minibatch is not computed, as in the paper's
    implementation: its batch normalisations keep their running statistics, its weights get no gradient (None, so that an
    optimiser leaves them alone; DistributedDataParallel needs `find_unused_parameters=True`), and hooks inside it are not
    called. The draw is one number of torch's CPU generator, so that no device is waited for. Where Python cannot choose (under
    `torch.compile`, `torch.export`, `torch.fx.symbolic_trace`, `torch.jit.trace`, or interpreted node by node) every branch is
    computed and multiplied by b: the same distribution, without the saving.

    Raises:
        ValueError: `p` is not a probability.

    >>> DropPath(0.5, rescale="test").eval()(torch.ones(2, 3))
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.5000, 0.5000]])
    """

    def __init__(
        self,
        p: float,
        mode: Literal["row", "batch"] = "row",
        rescale: Literal["train", "test"] = "train",
    ) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be a probability, got {p}")
        if mode not in ("row", "batch"):
            raise ValueError(f"mode must be row or batch, got {mode!r}")
        if rescale not in ("train", "test"):
            raise ValueError(f"rescale must be train or test, got {rescale!r}")
        self.p, self.mode, self.rescale = p, mode, rescale

    def draw(self, like: Tensor) -> bool | None:
        """Whether the branch of this minibatch is kept; None where nothing is dropped, or not by Python.

        `like` is a tensor that is computed with.
        """
        if not self.training or self.p == 0.0 or self.mode != "batch":
            return None
        if not torch.jit.is_scripting():  # torch.jit.script leaves out what is inside
            traced = torch.compiler.is_compiling() or torch._C._get_tracing_state()
            if traced or type(like) not in _PLAIN:
                return None
        return bool(torch.rand(1, dtype=torch.float64, device="cpu") >= self.p)

    def forward(self, x: Tensor, kept: bool | None = None) -> Tensor:
        """`kept` is what `draw` gave, if it was called; if that is False, x holds zeros already."""
        survival = 1.0 - self.p
        if not self.training:
            return x * survival if self.rescale == "test" and self.p else x
        if self.p == 0.0 or kept is False:
            return x
        if kept is None:
            kept = self.draw(x)
        scale = 1.0 / survival if self.rescale == "train" and survival else 1.0
        if kept is not None:
            return x if kept and scale == 1.0 else x * (scale if kept else 0.0)
        drawn = x.shape[0] if self.mode == "row" else 1
        mask = x.new_empty([drawn] + [1] * (x.dim() - 1)).bernoulli_(survival)
        return x * (mask * scale)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}, rescale={self.rescale}"


_PLAIN = (Tensor, nn.Parameter)
"""Tensors that have values to compute with: no proxies, no fakes."""
