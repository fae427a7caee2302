"""The epochs and the state of a training."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from archspec.codegen.errors import CheckpointWarning, WeightsWarning
from archspec.codegen.fx import Checkpoint, WeightReport, Weights, build, load_weights
from archspec.experiments.average import WeightAverage
from archspec.experiments.data import LabelledData
from archspec.experiments.fabric import Hardware, gather_tensor, launch_fabric, set_up_network
from archspec.experiments.randomness import Draws, gather_draws
from archspec.experiments.recipe import Recipe, make_optimizer, make_schedule
from archspec.experiments.selection import Selection, select_weights
from archspec.ir.graph import Graph

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
    >>> from archspec.experiments.data import Data
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> training = begin_training(arch.graph, data, Recipe(epochs=2, batch=4))
    >>> training.done, training.steps
    (0, 1)
    """

    fabric: Fabric
    compiled: bool
    model: nn.Module
    """The network itself."""
    module: nn.Module
    """What is called: the network in Fabric's precision, compiled or together with other processes."""
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
    average: WeightAverage | None
    """The average of the weights over the steps, which is tested and kept, if the recipe has one."""
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

    @property
    def taken(self) -> int:
        """The number of steps that are done in all epochs."""
        return self.done * self.steps + self.position

    @property
    def optimizer_state(self) -> dict[int, dict[str, Any]]:
        """The state of the optimiser for each parameter, of which this process may have parts."""
        state: dict[int, dict[str, Any]] = self.optimizer.state_dict()["state"]
        return state

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Has the average of the weights in the network, if there is one."""
        with nullcontext() if self.average is None else self.average.applied(self.model):
            yield

    def weights(self) -> dict[str, Tensor]:
        """The weights that the training comes to, whole; all processes must ask."""
        with self.averaged():
            return {name: gather_tensor(weight).clone() for name, weight in self.model.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """All that changes in training, as plain data and tensors; the learning rate follows from the number of steps.

        All processes must ask.
        """
        scaler = self.fabric.strategy.precision.state_dict()
        average = {} if self.average is None else {"average": _gather(self.average.values)}
        return {
            "key": self.key,
            "recipe": dict(self.recipe),
            "history": [asdict(epoch) for epoch in self.history],
            "position": self.position,
            "loss": self.loss,
            "model": _gather(self.model.state_dict()),
            "optimizer": {number: _gather(state) for number, state in self.optimizer_state.items()},
            "order": self.order,
            "draws": gather_draws(self.draws, self.fabric),
            **average,
            **({"scaler": scaler} if scaler else {}),
        }


def _gather(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: gather_tensor(tensor) for name, tensor in tensors.items()}


def begin_training(
    graph: Graph,
    data: LabelledData,
    recipe: Recipe,
    *,
    checkpoint: Checkpoint | None = None,
    weights: Weights | None = None,
    strict: bool = True,
    adapt: str | Iterable[str] = "head",
    report: Callable[[WeightReport], object] | None = None,
    fabric: Fabric | None = None,
    compiled: bool = False,
) -> Training:
    """A training at its start. On the CPU, the same seed gives the same trained weights.

    Args:
        graph: the network.
        data: the data.
        recipe: the hyperparameters, and the parts that are trained.
        checkpoint: the activations that are recomputed in the backward pass, as in `build`; it changes no result.
        weights: the initial weights, as in `build`; new ones if None.
        strict: as in `build`.
        adapt: as in `build`; by default a head for another number of classes is newly initialised, because it is trained.
        report: as in `build`.
        fabric: the devices and processes; None for the device of the data.
        compiled: whether the network goes through `torch.compile`.

    Raises:
        ExperimentError: nothing is trained, the recipe does not fit a part, or Lightning Fabric is not installed.
        UnknownPartError: the recipe names an unknown part.
        WeightsError: the weights do not fit the network.
        OSError: they cannot be read.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> from archspec.experiments.data import Data
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> begin_training(arch.graph, data, Recipe(epochs=2)).epochs
    2
    """
    fabric = fabric or launch_fabric(Hardware(str(data.device)), graph)
    model = build(graph, device=fabric.device, seed=recipe.seed, checkpoint=None if compiled else checkpoint)
    selection = select_weights(model, graph, freeze=recipe.freeze, train_only=recipe.train_only, rates=recipe.rates)
    if weights is not None:
        done = load_weights(model, weights, strict=strict, adapt=adapt, report=report, graph=graph)
        _warn_of_fresh(done, selection)
    if compiled and checkpoint is not None:
        text = f"checkpoint {checkpoint} saves no memory: torch.compile decides itself what it keeps"
        warnings.warn(text, CheckpointWarning, stacklevel=2)
    module = set_up_network(fabric, model, compiled=compiled)
    steps = math.ceil(data.size / (recipe.batch * recipe.accumulate * fabric.world_size))
    optimizer = make_optimizer(selection.group_parameters(recipe.rate), recipe)
    schedule = make_schedule(optimizer, recipe, steps)
    return Training(
        fabric,
        compiled,
        model,
        module,
        cast(torch.optim.Optimizer, fabric.setup_optimizers(optimizer)),
        schedule,
        recipe.epochs,
        steps,
        order=torch.Generator().manual_seed(recipe.seed).get_state(),
        draws=Draws.seeded(recipe.seed + fabric.global_rank, fabric.device),
        key=_hash_training(graph, data),
        recipe=recipe.describe() | _describe_run(fabric, weights),
        selection=selection,
        average=WeightAverage(model, recipe.ema) if recipe.ema else None,
    )


def _describe_run(fabric: Fabric, weights: Weights | None) -> dict[str, Any]:
    """What the numbers of a training depend on beside its recipe."""
    name = "" if weights is None else os.fspath(weights) if isinstance(weights, str | os.PathLike) else "a mapping"
    return {"weights": name, "precision": fabric.strategy.precision.precision, "processes": fabric.world_size}


def _warn_of_fresh(done: WeightReport, selection: Selection) -> None:
    """Warns of frozen parameters that the weights lack."""
    fresh = [name for name in done.fresh if name in selection.frozen]
    if fresh:
        text = f"{done.source}: {fresh[0]} is not taken from it and frozen: it stays as it was drawn"
        more = f", and {len(fresh) - 1} more" if len(fresh) > 1 else ""
        warnings.warn(text + more, WeightsWarning, stacklevel=3)


def _hash_training(graph: Graph, data: LabelledData) -> str:
    samples = (data.name, data.shape, data.fingerprint)
    return sha256(repr((_list_ops(graph), samples)).encode()).hexdigest()


def hash_network(graph: Graph) -> str:
    """A digest of the layers of a network, their fields and their connections.

    >>> import archspec
    >>> hash_network(archspec.load("{name: a, input: [8], stages: {one: relu}}").graph)[:8]
    '6d38d359'
    """
    return sha256(repr(_list_ops(graph)).encode()).hexdigest()


def _list_ops(graph: Graph) -> list[object]:
    return [(node.path, node.op.word, repr(node.op), [value.node for value in node.inputs]) for node in graph.ops]
