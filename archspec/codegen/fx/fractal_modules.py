"""FractalNet's drop-path (Larsson et al. 2016, arXiv:1605.07648, section 3) as modules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ColumnDraw(nn.Module):
    """Draws, once a minibatch in training, whether the sampling is global, with probability `share`, and which column it keeps.

    Takes any tensor [batch, …] and gives truth values [batch, columns], equal for all samples, on its device: for a global
    sample, true for the column that is kept; otherwise, and in evaluation, false.
    """

    def __init__(self, columns: int, share: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share must be a probability, got {share}")
        self.columns, self.share = columns, share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            none = torch.zeros(1, self.columns, dtype=torch.bool, device=x.device)
            return none.expand(x.shape[0], self.columns)
        column = torch.randint(self.columns, (1,), device=x.device)
        is_global = torch.rand(1, device=x.device) < self.share
        drawn = (torch.arange(self.columns, device=x.device) == column) & is_global
        return drawn.expand(x.shape[0], self.columns)

    def extra_repr(self) -> str:
        return f"columns={self.columns}, share={self.share}"


class DropMean(nn.Module):
    """The mean of those of its operands that drop-path leaves; in evaluation, of all.

    Takes the operands, tensors of one shape, in a list, and what a `ColumnDraw` gave. Where that kept one of the operands' `columns`,
    that operand stays alone. Otherwise each is dropped with probability `p`, and if all were, one of them at random stays.
    Raises `ValueError` where `p` is not a probability.
    """

    def __init__(self, columns: Sequence[int], p: float = 0.15) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be a probability, got {p}")
        self.columns, self.p = list(columns), p

    def keep(self, drawn: Tensor) -> Tensor:
        """Which operands stay, as truth values [operands]."""
        chosen = torch.stack([drawn[0, column] for column in self.columns])
        level = torch.rand(len(self.columns), device=drawn.device)
        # The operand with the highest number stays in any case: it is one at random.
        local = level >= level.max().clamp(max=self.p)
        return torch.where(chosen.any(), chosen, local)

    def forward(self, operands: list[Tensor], drawn: Tensor) -> Tensor:
        total = operands[0]
        if not self.training:
            for operand in operands[1:]:
                total = total + operand
            return total / len(operands)
        kept = self.keep(drawn).to(total.dtype)
        total = total * kept[0]
        for number, operand in enumerate(operands[1:], 1):
            total = total + operand * kept[number]
        return total / kept.sum()

    def extra_repr(self) -> str:
        return f"columns={tuple(self.columns)}, p={self.p}"
