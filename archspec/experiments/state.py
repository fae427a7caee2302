"""The recipe, epochs and state of a training."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from archspec.codegen.fx import Checkpoint, build
from archspec.experiments.data import Data
from archspec.experiments.randomness import Draws
from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training; `rate` is the highest learning rate of the one cycle, `clip` the largest norm of the gradient.

    >>> Recipe(epochs=3).rate
    0.003
    """

    epochs: int = 15
    seed: int = 0
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.01
    clip: float = 1.0


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch: the mean loss, and the share of the test samples that are misclassified.

    >>> Epoch(number=1, loss=0.7, test_error=0.25).test_error
    0.25
    """

    number: int
    loss: float
    test_error: float


@dataclass
class Training:
    """The state of a training: all that the next step depends on.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> training = begin_training(arch.graph, data, Recipe(epochs=2, batch=4))
    >>> training.done, training.steps
    (0, 1)
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    epochs: int
    steps: int
    """The number of steps of an epoch."""
    order: Tensor
    """The state at the start of the epoch of the generator that shuffles the samples."""
    draws: Draws
    """The states of the generators that the network uses, as for dropout."""
    key: str
    """A digest of network, data and recipe, which a checkpoint must share."""
    history: list[Epoch] = field(default_factory=list)
    position: int = 0
    """The number of steps of the epoch that are done."""
    loss: float = 0.0
    """The sum of the losses of the epoch's samples so far."""
    kept: str = ""
    """The progress that the last checkpoint has, for a message; empty if none was written."""

    @property
    def done(self) -> int:
        """The number of epochs that are done."""
        return len(self.history)

    @property
    def place(self) -> str:
        """The progress, for a message."""
        if not self.position:
            return f"epoch {self.done}"
        return f"step {self.position} of {self.steps} of epoch {self.done + 1}"

    def state(self) -> dict[str, Any]:
        """All that changes in training, as plain data and tensors; the learning rate follows from the number of steps."""
        return {
            "key": self.key,
            "history": [asdict(epoch) for epoch in self.history],
            "position": self.position,
            "loss": self.loss,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "order": self.order,
            "draws": self.draws.states(),
        }


def begin_training(graph: Graph, data: Data, recipe: Recipe, *, checkpoint: Checkpoint | None = None) -> Training:
    """A training of a network with new weights. On the CPU, the same seed gives the same trained weights.

    `checkpoint` says which activations are recomputed in the backward pass, as in `build`; it changes no result.

    Raises:
        ExperimentError: the network has nothing to train.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> begin_training(arch.graph, data, Recipe(epochs=2)).epochs
    2
    """
    device = data.pixels.device
    model = build(graph, device=device, seed=recipe.seed, checkpoint=checkpoint)
    if not any(True for _ in model.parameters()):
        raise ExperimentError(f"{graph.name} has no weights to train")
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = math.ceil(len(data.labels) / recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.epochs * steps)
    order = torch.Generator().manual_seed(recipe.seed).get_state()
    draws = Draws.seeded(recipe.seed, device)
    return Training(model, optimizer, schedule, recipe.epochs, steps, order, draws, _hash_training(graph, data, recipe))


def _hash_training(graph: Graph, data: Data, recipe: Recipe) -> str:
    ops = [(node.path, node.op.word, repr(node.op), [value.node for value in node.inputs]) for node in graph.ops]
    samples = (data.name, tuple(data.pixels.shape), data.fingerprint)
    return sha256(repr((ops, samples, asdict(recipe))).encode()).hexdigest()
