"""Saves and restores the states of the random number generators that a network uses in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass
class Draws:
    """The states of torch's default generators: of the CPU and, if the network is on one, of its CUDA device."""

    device: torch.device
    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def seeded(cls, seed: int, device: torch.device) -> Draws:
        cuda = torch.Generator(device).manual_seed(seed).get_state() if device.type == "cuda" else None
        return cls(device, torch.Generator().manual_seed(seed).get_state(), cuda)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Runs the body with torch's generators in these states, and restores the former states afterwards."""
        with torch.random.fork_rng([] if self.cuda is None else [self.device]):
            torch.set_rng_state(self.cpu)
            if self.cuda is not None:
                torch.cuda.set_rng_state(self.cuda, self.device)
            yield

    def update(self) -> None:
        """Saves the current states of torch's generators."""
        self.cpu = torch.get_rng_state()
        if self.cuda is not None:
            self.cuda = torch.cuda.get_rng_state(self.device)

    def states(self) -> dict[str, Tensor]:
        return {"cpu": self.cpu} | ({} if self.cuda is None else {"cuda": self.cuda})

    def load(self, states: Mapping[str, Tensor]) -> None:
        """Replaces the states. Raises `RuntimeError` if one of them is not the state of such a generator."""
        torch.Generator().set_state(states["cpu"])
        self.cpu = states["cpu"]
        if self.cuda is not None:
            torch.Generator(self.device).set_state(states["cuda"])
            self.cuda = states["cuda"]


def gather_draws(draws: Draws, fabric: Fabric) -> dict[str, Tensor]:
    """The states of all processes by device, those of further ones with their number: `cpu`, `cpu 1`. All processes must ask."""
    states = {name: _gather_ranks(state, fabric) for name, state in draws.states().items()}
    return {
        name if not rank else f"{name} {rank}": state
        for name, ranks in states.items()
        for rank, state in enumerate(ranks)
    }


def _gather_ranks(state: Tensor, fabric: Fabric) -> list[Tensor]:
    if fabric.world_size == 1:
        return [state]
    own = state.to(fabric.device)
    states = [torch.empty_like(own) for _ in range(fabric.world_size)]
    torch.distributed.all_gather(states, own)
    return [state.cpu() for state in states]


def choose_draws(states: Mapping[str, Tensor], draws: Draws, rank: int) -> dict[str, Tensor]:
    """Of the states of all processes, those of one."""
    return {name: states[name if not rank else f"{name} {rank}"] for name in draws.states()}
