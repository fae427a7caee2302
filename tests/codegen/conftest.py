"""Images, and chosen draws of stochastic depth."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archspec.codegen.fx import DropPath


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The results of the next draws, in order; later ones keep the branch."""
    fixed: list[bool] = []
    monkeypatch.setattr(
        DropPath, "draw", lambda self, like: (fixed.pop(0) if fixed else True) if self.training else None
    )
    return fixed
