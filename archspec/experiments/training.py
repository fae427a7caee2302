"""Trains a network on labelled images with AdamW, a one-cycle learning rate and a checkpoint after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from archspec import files
from archspec.codegen.fx.checkpoint import not_finite
from archspec.codegen.fx.trial import enough_memory
from archspec.codegen.fx.weight_files import pack_torch
from archspec.experiments.data import Data
from archspec.experiments.resuming import resume_training
from archspec.experiments.state import Epoch, Recipe, Training, begin_training
from archspec.experiments.track import DivergedError, StoppedError

__all__ = ["Epoch", "Recipe", "Training", "begin_training", "measure_test_error", "resume_training", "train_epochs"]

Ask = Callable[[], bool]


def train_epochs(
    training: Training,
    data: Data,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    step: Callable[[float], None] = lambda _: None,
    stop: Ask = lambda: False,
) -> Iterator[Epoch]:
    """Trains for the remaining epochs and yields each; `step` is called with the loss of each minibatch.

    After each step `stop` is called; if it returns True, the checkpoint is written with the training as it is, and the training ends.

    Raises:
        DivergedError: a loss, a gradient, a weight or a score is not finite; the checkpoint is that of the epoch before.
        MemoryError: the memory of the device is full.
        StoppedError: `stop` returned True.
        OSError: the checkpoint cannot be written; it is that of the epoch before.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> recipe = Recipe(epochs=2, batch=4)
    >>> [epoch.number for epoch in train_epochs(begin_training(arch.graph, data, recipe), data, recipe)]
    [1, 2]
    """
    while training.done < recipe.epochs:
        try:
            with enough_memory(data.pixels.device):
                epoch = _train_epoch(training, data, recipe, step, stop)
        except StoppedError:
            _write_checkpoint(training, checkpoint)
            raise
        training.history.append(epoch)
        training.position, training.loss = 0, 0.0
        _write_checkpoint(training, checkpoint)
        yield epoch


def _write_checkpoint(training: Training, checkpoint: Path | None) -> None:
    if checkpoint is None:
        return
    try:
        files.write_atomically(checkpoint, pack_torch(training.state()))
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(checkpoint)) from error
    training.kept = training.place


def _train_epoch(training: Training, data: Data, recipe: Recipe, step: Callable[[float], None], stop: Ask) -> Epoch:
    """Trains for the rest of an epoch, and can be stopped between two steps."""
    training.selection.put_in_training()
    generator = torch.Generator()
    generator.set_state(training.order)
    order = torch.randperm(len(data.labels), generator=generator).to(data.labels.device)
    with training.draws.drawing():
        for batch in torch.split(order, recipe.batch)[training.position :]:
            loss = _train_step(training, data.pixels[batch], data.labels[batch], recipe)
            training.loss += loss * len(batch)
            training.position += 1
            training.draws.update()
            step(loss)
            _check_stop(training, stop)
    _check_weights(training)
    test_error = measure_test_error(training.model, data, check=lambda: _check_stop(training, stop))
    training.order = generator.get_state()
    return Epoch(training.done + 1, training.loss / len(data.labels), test_error)


def _train_step(training: Training, pixels: Tensor, labels: Tensor, recipe: Recipe) -> float:
    """Trains on one minibatch; the weights change only if loss and gradient are finite."""
    loss = nn.functional.cross_entropy(training.model(pixels), labels)
    value = loss.item()
    _check_number(training, "loss", value)
    training.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(training.model.parameters(), recipe.clip)
    _check_number(training, "gradient", float(norm))
    training.optimizer.step()
    training.schedule.step()
    return value


def _check_stop(training: Training, stop: Ask) -> None:
    if stop():
        raise StoppedError(training.place)


def _check_number(training: Training, quantity: str, value: float) -> None:
    if not math.isfinite(value):
        raise DivergedError(
            f"the {quantity} is {value} in epoch {training.done + 1}, step {training.position + 1} of {training.steps}",
            epoch=training.done + 1,
            step=training.position + 1,
        )


def _check_weights(training: Training) -> None:
    for name, weight in training.model.state_dict().items():
        count = not_finite(weight)
        if count:
            raise DivergedError(
                f"{name} has {count:,} values that are not finite after epoch {training.done + 1}",
                epoch=training.done + 1,
                step=training.position,
            )


@torch.inference_mode()
def measure_test_error(
    model: nn.Module, data: Data, batch: int = 512, *, check: Callable[[], None] = lambda: None
) -> float:
    """The share of the test samples, in [0, 1], that a network misclassifies. `check` is called before each batch.

    Raises:
        DivergedError: a score is not finite.

    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> measure_test_error(nn.Linear(4, 2), data) in (0, 0.25, 0.5, 0.75, 1)
    True
    """
    model.eval()
    wrong = 0
    for pixels, labels in zip(torch.split(data.test_pixels, batch), torch.split(data.test_labels, batch), strict=True):
        check()
        scores = model(pixels)
        undefined = int((~scores.isfinite()).any(1).sum())
        if undefined:
            raise DivergedError(f"{undefined:,} of {len(labels):,} test samples get scores that are not finite")
        wrong += int((scores.argmax(1) != labels).sum())
    return wrong / len(data.test_labels)
