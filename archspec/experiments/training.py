"""Trains a network on labelled images by a recipe, with a checkpoint after each epoch, in one process or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from archspec import files
from archspec.codegen.fx.checkpoint import not_finite
from archspec.codegen.fx.trial import enough_memory
from archspec.codegen.fx.weight_files import pack_torch
from archspec.experiments.data import LabelledData
from archspec.experiments.fabric import gather_tensor, synchronize_buffers
from archspec.experiments.loading import Batch, Loader, Part, plan_steps
from archspec.experiments.recipe import Recipe
from archspec.experiments.resuming import resume_training
from archspec.experiments.state import Epoch, Training, begin_training
from archspec.experiments.track import DivergedError, StoppedError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Epoch", "Recipe", "Training", "begin_training", "measure_test_error", "resume_training", "train_epochs"]

_TEST_BATCH, _SMALL = 512, 3 * 32 * 32
"""The samples of a batch of the test, of at most so many numbers."""
_LEAST_SCALE = 2.0**-14
"""The least scale of float16's gradients; below it, not the scale makes them infinite."""
Ask = Callable[[], bool]


def train_epochs(
    training: Training,
    data: LabelledData,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    step: Callable[[float], None] = lambda _: None,
    stop: Ask = lambda: False,
    workers: int = 0,
) -> Iterator[Epoch]:
    """Trains for the remaining epochs and yields each; `step` is called with the loss of each step.

    `workers` is the number of processes that read and decode image files; they change no number.

    After each step `stop` is called; if it returns True, the checkpoint is written with the training as it is, and the training ends.

    Raises:
        DivergedError: a loss, a gradient, a weight or a score is not finite; the checkpoint is that of the epoch before.
        MemoryError: the memory of the device is full.
        StoppedError: `stop` returned True.
        OSError: the checkpoint cannot be written; it is that of the epoch before.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> from archspec.experiments.data import Data
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> recipe = Recipe(epochs=2, batch=4)
    >>> [epoch.number for epoch in train_epochs(begin_training(arch.graph, data, recipe), data, recipe)]
    [1, 2]
    """
    loader = Loader(data, recipe, fabric=training.fabric, workers=workers if data.reads_files else 0)
    while training.done < recipe.epochs:
        try:
            with enough_memory(training.fabric.device):
                epoch = _train_epoch(training, data, recipe, step, stop, loader)
        except StoppedError:
            _write_checkpoint(training, checkpoint)
            raise
        training.history.append(epoch)
        training.position, training.loss = 0, 0.0
        _write_checkpoint(training, checkpoint)
        yield epoch


def _write_checkpoint(training: Training, checkpoint: Path | None) -> None:
    """Writes the state of all processes, in the first one; if that fails, it fails in all."""
    if checkpoint is None:
        return
    state, failure = training.state(), None
    if training.fabric.is_global_zero:
        try:
            files.write_atomically(checkpoint, pack_torch(state))
        except OSError as error:
            failure = OSError(error.errno, error.strerror or str(error), str(checkpoint))
    failure = training.fabric.broadcast(failure)
    if failure is not None:
        raise failure
    training.kept = training.place


def _train_epoch(
    training: Training, data: LabelledData, recipe: Recipe, step: Callable[[float], None], stop: Ask, loader: Loader
) -> Epoch:
    """Trains for the rest of an epoch, and can be stopped between two steps."""
    training.selection.put_in_training()
    generator = torch.Generator()
    generator.set_state(training.order)
    order, fabric = torch.randperm(data.size, generator=generator), training.fabric
    plan = plan_steps(
        order,
        batch=recipe.batch,
        accumulate=recipe.accumulate,
        process=fabric.global_rank,
        processes=fabric.world_size,
    )[training.position :]
    batches = loader.load(chain.from_iterable(plan), training.done)
    sizes = [len(chunk) for chunk in torch.split(order, recipe.batch * recipe.accumulate * fabric.world_size)]
    with training.draws.drawing():
        for parts in plan:
            loss = _train_step(training, parts, batches, recipe)
            training.loss += loss * sizes[training.position]
            training.position += 1
            training.draws.update()
            if training.average is not None:
                training.average.update(training.model, training.taken)
            step(loss)
            _check_stop(training, stop)
    _check_weights(training)
    with training.averaged():
        test_error = measure_test_error(
            training.module,
            data,
            _choose_test_batch(data, recipe),
            check=lambda: _check_stop(training, stop),
            loader=loader,
        )
    training.order = generator.get_state()
    return Epoch(training.done + 1, training.loss / data.size, test_error)


def _train_step(training: Training, parts: Sequence[Part], batches: Iterator[Batch], recipe: Recipe) -> float:
    """Trains on the minibatches of one step; the weights change only if loss and gradient are finite."""
    fabric, losses = training.fabric, []
    training.optimizer.zero_grad()
    for number, (part, (pixels, labels)) in enumerate(zip(parts, batches), start=1):  # noqa: B905 -- the rest is of other steps
        with fabric.no_backward_sync(training.module, enabled=number < len(parts)):  # type: ignore[arg-type]
            scores = training.module(pixels)
            loss = nn.functional.cross_entropy(scores, labels, label_smoothing=recipe.smoothing) * part.weight
            fabric.backward(loss, model=training.module)  # type: ignore[arg-type]
        losses.append(loss.detach())
    value = float(fabric.all_reduce(torch.stack(losses).sum(), reduce_op="mean"))  # type: ignore[arg-type]
    _check_number(training, "loss", value)
    norm = fabric.clip_gradients(training.module, training.optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
    length = float(gather_tensor(norm))  # type: ignore[arg-type]
    if math.isfinite(length) or not _is_left_out(fabric):
        _check_number(training, "gradient", length)
    training.optimizer.step()
    training.schedule.step()
    synchronize_buffers(fabric, training.model)
    return value


def _check_stop(training: Training, stop: Ask) -> None:
    """Raises `StoppedError` in all processes if one of them is asked to stop."""
    asked = stop()
    if training.fabric.world_size > 1:
        flag = torch.tensor(float(asked), device=training.fabric.device)
        asked = bool(training.fabric.all_reduce(flag, reduce_op="sum") > 0)  # type: ignore[operator]
    if asked:
        raise StoppedError(training.place)


def _check_number(training: Training, quantity: str, value: float) -> None:
    if not math.isfinite(value):
        raise DivergedError(
            f"the {quantity} is {value} in epoch {training.done + 1}, step {training.position + 1} of {training.steps}",
            epoch=training.done + 1,
            step=training.position + 1,
        )


def _choose_test_batch(data: LabelledData, recipe: Recipe) -> int:
    """The samples of a batch of the test: many small ones, of large ones no more than training has room for."""
    return max(recipe.batch, min(_TEST_BATCH, _TEST_BATCH * _SMALL // math.prod(data.shape[1:])))


def _is_left_out(fabric: Fabric) -> bool:
    """Whether a step whose gradient is not finite is left out: in float16, as long as a smaller scale may help."""
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    return scaler is not None and scaler.get_scale() >= _LEAST_SCALE


def _check_weights(training: Training) -> None:
    for name, weight in training.model.state_dict().items():
        count = not_finite(gather_tensor(weight))
        if count:
            raise DivergedError(
                f"{name} has {count:,} values that are not finite after epoch {training.done + 1}",
                epoch=training.done + 1,
                step=training.position,
            )


@torch.inference_mode()
def measure_test_error(
    model: nn.Module,
    data: LabelledData,
    batch: int = 512,
    *,
    check: Callable[[], None] = lambda: None,
    loader: Loader | None = None,
) -> float:
    """The share of the test samples, in [0, 1], that a network misclassifies. `check` is called before each batch.

    The processes of the loader's Fabric share the samples, and each of them gets the whole result.

    Raises:
        DivergedError: a score is not finite.

    >>> from archspec.experiments.data import Data
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> measure_test_error(nn.Linear(4, 2), data) in (0, 0.25, 0.5, 0.75, 1)
    True
    """
    model.eval()
    loader = loader or Loader(data, Recipe())
    fabric = loader.fabric
    rank, processes = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
    steps = plan_steps(torch.arange(data.test_size), batch=batch, process=rank, processes=processes)
    parts = [part for step in steps for part in step]
    counts = torch.zeros(2, dtype=torch.long, device=data.device)
    for part, (pixels, labels) in zip(parts, loader.load(parts), strict=True):
        check()
        scores = model(pixels)
        if part.weight:
            counts += torch.stack([(scores.argmax(1) != labels).sum(), (~scores.isfinite()).any(1).sum()])
    wrong, undefined = (counts if fabric is None else fabric.all_reduce(counts, reduce_op="sum")).tolist()  # type: ignore[union-attr]
    if undefined:
        raise DivergedError(f"{undefined:,} of {data.test_size:,} test samples get scores that are not finite")
    return float(wrong / data.test_size)
