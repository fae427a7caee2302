"""The generators of the random numbers that a network draws in training, with states that are saved and restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Draws:
    """The states of torch's own generators: of the CPU, and of the CUDA device that a network is on, if it is on one."""

    device: torch.device
    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def seeded(cls, seed: int, device: torch.device) -> Draws:
        cuda = torch.Generator(device).manual_seed(seed).get_state() if device.type == "cuda" else None
        return cls(device, torch.Generator().manual_seed(seed).get_state(), cuda)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Lets torch's generators continue from these states; afterwards torch's own are restored."""
        with torch.random.fork_rng([] if self.cuda is None else [self.device]):
            torch.set_rng_state(self.cpu)
            if self.cuda is not None:
                torch.cuda.set_rng_state(self.cuda, self.device)
            yield

    def update(self) -> None:
        """Takes over the current states of torch's generators."""
        self.cpu = torch.get_rng_state()
        if self.cuda is not None:
            self.cuda = torch.cuda.get_rng_state(self.device)

    def states(self) -> dict[str, Tensor]:
        return {"cpu": self.cpu} | ({} if self.cuda is None else {"cuda": self.cuda})

    def load(self, states: Mapping[str, Tensor]) -> None:
        """Goes to other states. Raises `RuntimeError` where one of them is no state of such a generator."""
        torch.Generator().set_state(states["cpu"])
        self.cpu = states["cpu"]
        if self.cuda is not None:
            torch.Generator(self.device).set_state(states["cuda"])
            self.cuda = states["cuda"]
