"""The exponential moving average of the weights of a network in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """The average of all weights and running statistics over the steps, each with `decay` times the weight of the next.

    In the first steps the decay is (1 + steps) / (10 + steps), so that the initial weights are soon forgotten (Tan and Le 2019's code).

    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.zeros_(model.weight)
    >>> average = WeightAverage(model, 0.5)
    >>> _ = nn.init.ones_(model.weight)
    >>> average.update(model, taken=100)
    >>> with average.applied(model): model.weight.item()
    0.5
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: weight.detach().clone() for name, weight in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, taken: int) -> None:
        """Takes the weights after so many steps into the average; whole numbers are those of the network."""
        own = model.state_dict()
        floats = {name for name, weight in own.items() if weight.is_floating_point()}
        average = get_ema_multi_avg_fn(min(self.decay, (1 + taken) / (10 + taken)))  # type: ignore[no-untyped-call]
        for kind in {type(own[name]) for name in floats}:  # processes share parts of some and have others whole
            names = [name for name in floats if type(own[name]) is kind]
            average([self.values[name] for name in names], [own[name] for name in names], taken)
        for name in own.keys() - floats:
            self.values[name].copy_(own[name])

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Has the average in the network, and its own weights again afterwards."""
        own = model.state_dict()
        before = {name: weight.clone() for name, weight in own.items()}
        try:
            self._copy(self.values, own)
            yield
        finally:
            self._copy(before, own)

    @staticmethod
    @torch.no_grad()
    def _copy(weights: dict[str, torch.Tensor], own: dict[str, torch.Tensor]) -> None:
        for name, weight in weights.items():
            own[name].copy_(weight)
