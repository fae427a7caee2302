"""Trains a network on labelled pictures: AdamW, one cycle of the learning rate, a checkpoint after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archspec import files
from archspec.backends.torch import Checkpoint, build
from archspec.experiments.data import Data
from archspec.experiments.track import ExperimentError
from archspec.experiments.weights import packed, unpacked
from archspec.graph import Graph


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; `rate` is the highest learning rate of the one cycle, `clip` the longest gradient."""

    epochs: int = 15
    seed: int = 0
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.01
    clip: float = 1.0


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: the mean loss, and the part of the test samples that are taken for another class."""

    number: int
    loss: float
    test_error: float


@dataclass
class Training:
    """A network on its way: everything that the next step depends on."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    order: torch.Generator
    """Draws the order of the samples; what the network draws itself is from torch's own generator."""
    drawn: Tensor
    """The state of torch's own generator between two epochs."""
    key: str
    """Network, data and recipe: a checkpoint of one is not of another."""
    done: int = 0

    def state(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "done": self.done,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "order": self.order.get_state(),
            "drawn": self.drawn,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.order.set_state(state["order"])
        self.drawn, self.done = state["drawn"], state["done"]


def begin(graph: Graph, data: Data, recipe: Recipe, *, checkpoint: Checkpoint | None = None) -> Training:
    """A network with fresh weights. The same seed gives, on the CPU, the same network after the same training.

    `checkpoint` is what each step computes again and does not keep, as in `build`; it changes no number.
    """
    model = build(graph, device=data.pixels.device, seed=recipe.seed, checkpoint=checkpoint)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = recipe.epochs * math.ceil(len(data.labels) / recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps)
    drawn = torch.Generator().manual_seed(recipe.seed).get_state()
    order = torch.Generator().manual_seed(recipe.seed)
    return Training(model, optimizer, schedule, order, drawn, _key(graph, data, recipe))


def resume(training: Training, checkpoint: Path) -> None:
    """Goes back to where a checkpoint was made. Raises `ExperimentError` where it is of another training, and OSError."""
    state = unpacked(checkpoint.read_bytes(), checkpoint)
    if not isinstance(state, dict) or state.get("key") != training.key:
        raise ExperimentError(f"{checkpoint} is of another network, other data or another recipe")
    training.load(state)


def train(
    training: Training,
    data: Data,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    step: Callable[[float], None] = lambda _: None,
) -> Iterator[Epoch]:
    """Trains for the epochs that are left, and tells of each; `step` gets the loss of each minibatch."""
    while training.done < recipe.epochs:
        loss = _epoch(training, data, recipe, step)
        training.done += 1
        if checkpoint is not None:
            files.write(checkpoint, packed(training.state()))
        yield Epoch(training.done, loss, error(training.model, data))


def _epoch(training: Training, data: Data, recipe: Recipe, step: Callable[[float], None]) -> float:
    model, total = training.model.train(), 0.0
    with torch.random.fork_rng():
        torch.set_rng_state(training.drawn)
        order = torch.randperm(len(data.labels), generator=training.order).to(data.labels.device)
        for batch in torch.split(order, recipe.batch):
            loss = nn.functional.cross_entropy(model(data.pixels[batch]), data.labels[batch])
            training.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            training.optimizer.step()
            training.schedule.step()
            step(loss.item())
            total += loss.item() * len(batch)
        training.drawn = torch.get_rng_state()
    return total / len(data.labels)


@torch.inference_mode()
def error(model: nn.Module, data: Data, batch: int = 512) -> float:
    """The part of the test samples, in [0, 1], that a network takes for another class."""
    model.eval()
    pieces = zip(torch.split(data.test_pixels, batch), torch.split(data.test_labels, batch), strict=True)
    wrong = sum(int((model(pixels).argmax(1) != labels).sum()) for pixels, labels in pieces)
    return wrong / len(data.test_labels)


def _key(graph: Graph, data: Data, recipe: Recipe) -> str:
    ops = [(node.path, node.op.word, repr(node.op), [value.node for value in node.inputs]) for node in graph.ops]
    samples = (data.name, tuple(data.pixels.shape))
    return sha256(repr((ops, samples, asdict(recipe))).encode()).hexdigest()
