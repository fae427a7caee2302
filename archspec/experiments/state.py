"""The recipe, epochs and state of a training."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from archspec.codegen.errors import WeightsWarning
from archspec.codegen.fx import Checkpoint, WeightReport, Weights, build, load_weights
from archspec.experiments.data import Data
from archspec.experiments.randomness import Draws
from archspec.experiments.selection import Selection, select_weights
from archspec.ir.graph import Graph


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training; `rate` is the highest learning rate of the one cycle, `clip` the largest norm of the gradient.

    `freeze`, `train_only` and `rates` are the arguments of `select_weights`: the parts to freeze, the only parts to train, and the
    highest learning rates of parts.

    >>> Recipe(epochs=3, freeze=("stem",), rates=(("head", 0.01),)).rate
    0.003
    """

    epochs: int = 15
    seed: int = 0
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.01
    clip: float = 1.0
    freeze: tuple[str, ...] = ()
    train_only: tuple[str, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()

    def describe(self) -> dict[str, Any]:
        """The recipe as plain data, for checkpoints and messages.

        >>> Recipe(freeze=("stem", "layer1")).describe()["freeze"]
        'stem,layer1'
        """
        rates = ",".join(f"{part}={rate!r}" for part, rate in self.rates)
        return asdict(self) | {"freeze": ",".join(self.freeze), "train_only": ",".join(self.train_only), "rates": rates}


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
    """A digest of network and data, which a checkpoint must share."""
    recipe: Mapping[str, Any]
    """The recipe and the initial weights, as plain data."""
    selection: Selection
    """The weights that are trained."""
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
            "recipe": dict(self.recipe),
            "history": [asdict(epoch) for epoch in self.history],
            "position": self.position,
            "loss": self.loss,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "order": self.order,
            "draws": self.draws.states(),
        }


def begin_training(
    graph: Graph,
    data: Data,
    recipe: Recipe,
    *,
    checkpoint: Checkpoint | None = None,
    weights: Weights | None = None,
    strict: bool = True,
    adapt: str | Iterable[str] = "head",
    report: Callable[[WeightReport], object] | None = None,
) -> Training:
    """A network and the optimiser that trains it. The same seed gives, on the CPU, the same network after the same training.

    Args:
        graph: the network.
        data: what it learns from.
        recipe: the hyperparameters, and which parts are trained.
        checkpoint: the values that each step recomputes instead of keeping them, as in `build`; the results are the same.
        weights: the initial weights, as in `build`; random if None.
        strict: as in `build`.
        adapt: as in `build`; by default, a head of another number of classes is initialised anew, since it is trained.
        report: as in `build`.

    Raises:
        ExperimentError: the network has no weights to train, or the recipe contradicts itself.
        UnknownPartError: the recipe names a part that the network does not have.
        WeightsError: the weights do not fit the network.
        OSError: the weights cannot be read.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> begin_training(arch.graph, data, Recipe(epochs=2)).epochs
    2
    """
    device = data.pixels.device
    model = build(graph, device=device, seed=recipe.seed, checkpoint=checkpoint)
    selection = select_weights(model, graph, freeze=recipe.freeze, train_only=recipe.train_only, rates=recipe.rates)
    if weights is not None:
        done = load_weights(model, weights, strict=strict, adapt=adapt, report=report, graph=graph)
        _warn_of_fresh(done, selection)
    optimizer = torch.optim.AdamW(selection.group_parameters(recipe.rate), lr=recipe.rate, weight_decay=recipe.decay)
    steps = math.ceil(len(data.labels) / recipe.batch)
    highest = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, highest, total_steps=recipe.epochs * steps)
    return Training(
        model,
        optimizer,
        schedule,
        recipe.epochs,
        steps,
        order=torch.Generator().manual_seed(recipe.seed).get_state(),
        draws=Draws.seeded(recipe.seed, device),
        key=_hash_training(graph, data),
        recipe=recipe.describe() | {"weights": _name_weights(weights)},
        selection=selection,
    )


def _warn_of_fresh(done: WeightReport, selection: Selection) -> None:
    """Warns of parameters that were not loaded and are frozen at their random values."""
    fresh = [name for name in done.fresh if name in selection.frozen]
    if fresh:
        text = f"{done.source}: {fresh[0]} is not taken from it and frozen: it stays as it was drawn"
        more = f", and {len(fresh) - 1} more" if len(fresh) > 1 else ""
        warnings.warn(text + more, WeightsWarning, stacklevel=3)


def _name_weights(weights: Weights | None) -> str:
    if weights is None:
        return ""
    return os.fspath(weights) if isinstance(weights, str | os.PathLike) else "a mapping"


def _hash_training(graph: Graph, data: Data) -> str:
    ops = [(node.path, node.op.word, repr(node.op), [value.node for value in node.inputs]) for node in graph.ops]
    samples = (data.name, tuple(data.pixels.shape), data.fingerprint)
    return sha256(repr((ops, samples)).encode()).hexdigest()
