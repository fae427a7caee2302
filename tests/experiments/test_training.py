"""Training is reproducible, and an interrupted one resumes exactly or is refused."""

from __future__ import annotations

import math
import os
import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec import files
from archspec.codegen.fx.weight_files import pack_torch, read_data
from archspec.errors import ExportError
from archspec.experiments import weights
from archspec.experiments.data import Data
from archspec.experiments.track import DivergedError, ExperimentError, StoppedError
from archspec.experiments.training import (
    Recipe,
    Training,
    begin_training,
    measure_test_error,
    resume_training,
    train_epochs,
)

RECIPE = Recipe(epochs=3, seed=5, batch=32)
STEPS = 7
"""The steps of an epoch of 200 samples."""


@pytest.fixture(scope="module")
def few(digits: Data) -> Data:
    return replace(digits, pixels=digits.pixels[:200], labels=digits.labels[:200])


@pytest.fixture(scope="module")
def dropping() -> archspec.Architecture:
    """A network that draws random numbers in training, and keeps running statistics."""
    stages = {"c": {"conv": 4}, "b": "batchnorm", "d": {"dropout": 0.5}, "p": "globalpool", "f": {"linear": 10}}
    return archspec.load({"name": "dropping", "input": [1, 8, 8], "stages": stages})


@pytest.fixture(scope="module")
def whole(dropping: archspec.Architecture, few: Data) -> Training:
    """The result of an uninterrupted training."""
    training = begin_training(dropping.graph, few, RECIPE)
    assert [epoch.number for epoch in train_epochs(training, few, RECIPE)] == [1, 2, 3]
    return training


def state(training: Training) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in training.model.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_seed_decides(dropping: archspec.Architecture, few: Data, whole: Training) -> None:
    before = torch.get_rng_state()
    again, other = (begin_training(dropping.graph, few, recipe) for recipe in (RECIPE, replace(RECIPE, seed=6)))
    list(train_epochs(again, few, RECIPE))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    list(train_epochs(other, few, replace(RECIPE, seed=6)))
    assert equal(state(again), state(whole)) and again.history == whole.history
    assert not equal(state(other), state(whole))


def after(calls: int) -> Callable[[], bool]:
    """A `stop` that returns True at the given call; training calls it after each step and before each batch of the test."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == calls

    return stop


@pytest.mark.parametrize("calls", [1, 4, STEPS, STEPS + 1, STEPS + 2, 3 * STEPS + 2, 3 * STEPS + 3])
def test_resumed_is_as_if_never_stopped(
    calls: int, dropping: archspec.Architecture, few: Data, whole: Training, tmp_path: Path
) -> None:
    """Stopped after the first step, in the middle, before the test of an epoch, and after the last step: bitwise the same."""
    checkpoint = tmp_path / "checkpoint"
    cut = begin_training(dropping.graph, few, RECIPE)
    with pytest.raises(StoppedError):
        list(train_epochs(cut, few, RECIPE, checkpoint=checkpoint, stop=after(calls)))
    done, asked = divmod(calls - 1, STEPS + 1)
    assert (cut.done, cut.position) == (done, min(asked + 1, STEPS))
    again = begin_training(dropping.graph, few, RECIPE)
    resume_training(again, checkpoint)
    assert (again.done, again.position, again.loss) == (cut.done, cut.position, cut.loss)
    for _ in train_epochs(again, few, RECIPE):
        pass
    assert again.history == whole.history
    assert equal(state(again), state(whole))


def test_a_training_that_dies_goes_on_from_its_last_epoch(
    dropping: archspec.Architecture, few: Data, whole: Training, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    cut = begin_training(dropping.graph, few, RECIPE)
    steps = 0

    def stop(_: float) -> None:
        nonlocal steps
        steps += 1
        if steps == 10:  # in the middle of the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(train_epochs(cut, few, RECIPE, checkpoint=checkpoint, step=stop))
    again = begin_training(dropping.graph, few, RECIPE)
    resume_training(again, checkpoint)
    assert again.done == 1
    assert [epoch.number for epoch in train_epochs(again, few, RECIPE)] == [2, 3]
    assert equal(state(again), state(whole))


def test_a_checkpoint_of_something_else(
    dropping: archspec.Architecture, plain: archspec.Architecture, few: Data, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    list(train_epochs(begin_training(dropping.graph, few, RECIPE), few, RECIPE, checkpoint=checkpoint))
    other = replace(few, labels=few.labels.flip(0))
    cases = [
        (plain, few, RECIPE, "is of another network or other data"),
        (dropping, few, replace(RECIPE, rate=1.0), "is of another recipe: rate is 0.003 in it, expected 1.0"),
        (dropping, few, replace(RECIPE, freeze=("c", "b")), "another recipe: freeze is none in it, expected 'c,b'"),
        (dropping, other, RECIPE, "is of another network or other data"),
    ]
    for arch, data, recipe, message in cases:
        with pytest.raises(ExperimentError, match=message):
            resume_training(begin_training(arch.graph, data, recipe), checkpoint)
    for content in (b"nothing of torch", b"", checkpoint.read_bytes()[:-99]):
        checkpoint.write_bytes(content)
        with pytest.raises(ExperimentError, match="no whole checkpoint of archspec"):
            resume_training(begin_training(dropping.graph, few, RECIPE), checkpoint)
    torch.save({"key": "k"}, checkpoint)
    with pytest.raises(ExperimentError, match="it has no digest"):
        resume_training(begin_training(dropping.graph, few, RECIPE), checkpoint)


@pytest.fixture(scope="module")
def good(dropping: archspec.Architecture, few: Data, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint from the middle of the second epoch."""
    path = tmp_path_factory.mktemp("good") / "checkpoint"
    with pytest.raises(StoppedError):
        list(
            train_epochs(
                begin_training(dropping.graph, few, RECIPE), few, RECIPE, checkpoint=path, stop=after(STEPS + 4)
            )
        )
    return path.read_bytes()


def change(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """Replaces the value at a path of keys by `to`, or by the result of `to` if that is a function."""

    def changed(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = to(tree[keys[-1]]) if callable(to) else to

    return changed


def remove(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def removed(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        del tree[keys[-1]]

    return removed


WRONG: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    *(
        (remove(part), f"it has no part {part}")
        for part in ("key", "recipe", "history", "position", "loss", "model", "order", "draws")
    ),
    (lambda tree: tree.update(more=1), "it has an unknown part more"),
    (change("key", to="k"), "another network or other data"),
    (change("key", to=None), "another network or other data"),
    (change("recipe", to=5), "recipe: expected a dict of 22, got 5"),
    (change("recipe", to={}), "is of another recipe: epochs is none in it, expected 3"),
    (change("recipe", "momentum", to=0.9), "is of another recipe: momentum is 0.9 in it, expected none"),
    (change("position", to=-1), "position: expected a whole number from 0 to 7, got -1"),
    (change("position", to=STEPS + 1), "position: expected a whole number from 0 to 7, got 8"),
    (change("position", to=True), "position: expected a whole number from 0 to 7, got True"),
    (change("position", to=1.0), "position: expected a whole number from 0 to 7, got 1.0"),
    (change("loss", to=math.nan), "loss: expected a number from 0 on, got nan"),
    (change("loss", to="a"), "loss: expected a number from 0 on, got 'a'"),
    (change("history", to={}), "history: expected at most 3 epochs, got a dict of 0"),
    (change("history", to=lambda found: found * 4), "history: expected at most 3 epochs, got a list of 4"),
    (change("history", to=lambda found: found * 2), "history, epoch 2: expected its number"),
    (change("history", 0, "number", to=0), "history, epoch 1: expected its number"),
    (change("history", 0, "loss", to=math.inf), "history, epoch 1, loss: expected a number from 0 on, got inf"),
    (
        change("history", 0, "test_error", to=1.5),
        "history, epoch 1, test_error: expected a number from 0 to 1, got 1.5",
    ),
    (remove("history", 0, "loss"), "history, epoch 1: expected its number, loss and test_error"),
    (change("model", to=[]), "model: expected tensors by name, got a list of 0"),
    (remove("model", "f.bias"), "model: these are not the weights of this network"),
    (change("model", "f.bias", to=torch.zeros(9)), "mis-shaped  f.bias  expected 10, got 9"),
    (
        change("model", "f.bias", to=lambda bias: bias.double()),
        "model, f.bias: expected float32 [10], got float64 [10]",
    ),
    (change("model", "f.bias", to=lambda bias: bias / 0), "model, f.bias: 10 values are not finite"),
    (change("optimizer", to=None), "optimizer: expected the state of 6 parameters, got None"),
    (change("optimizer", to=lambda found: {**found, 6: found[0]}), "optimizer: expected the state of 6 parameters"),
    (change("optimizer", 0, to={}), "optimizer, parameter 0: expected step, exp_avg, exp_avg_sq"),
    (
        change("optimizer", 0, "exp_avg", to=torch.zeros(2)),
        "optimizer, parameter 0, exp_avg: expected float32 [4, 1, 1, 1]",
    ),
    (change("optimizer", 0, "exp_avg_sq", to=lambda found: -1 - found), "exp_avg_sq: expected squares"),
    (change("optimizer", 0, "step", to=torch.tensor(99.0)), "step: expected a whole number from 1 to 10, got 99"),
    (change("optimizer", 0, "step", to=torch.tensor(0.5)), "step: expected a whole number from 1 to 10, got 0.5"),
    (change("optimizer", 0, "step", to=3), "optimizer, parameter 0: expected tensors by name"),
    (change("order", to=torch.zeros(16, dtype=torch.uint8)), "order: expected uint8 [5056], got uint8 [16]"),
    (change("order", to=torch.zeros(5056)), "order: expected uint8 [5056], got float32 [5056]"),
    (change("order", to=torch.full((5056,), 255, dtype=torch.uint8)), "order: no state of a generator"),
    (change("draws", to={}), "draws: expected cpu, got "),
    (change("draws", "cpu", to="a"), "draws: expected tensors by name"),
]


@pytest.mark.parametrize(("spoil", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_part_that_no_training_has_is_one_error_before_anything_is_trained(
    spoil: Callable[[dict[str, Any]], None],
    message: str,
    good: bytes,
    dropping: archspec.Architecture,
    few: Data,
    tmp_path: Path,
) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(good)
    tree = read_data(checkpoint)
    spoil(tree)
    checkpoint.write_bytes(pack_torch(tree))
    training = begin_training(dropping.graph, few, RECIPE)
    before = state(training)
    with pytest.raises(ExperimentError) as caught:
        resume_training(training, checkpoint)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{checkpoint}: ")
    assert equal(state(training), before) and (training.done, training.position) == (0, 0)


def test_no_bit_of_a_checkpoint_may_be_another_one(
    good: bytes, dropping: archspec.Architecture, few: Data, tmp_path: Path
) -> None:
    checkpoint, training = tmp_path / "checkpoint", begin_training(dropping.graph, few, RECIPE)
    before = state(training)
    for bit in random.Random(7).sample(range(8 * len(good)), 200):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        checkpoint.write_bytes(damaged)
        with pytest.raises(ExperimentError):
            resume_training(training, checkpoint)
    assert equal(state(training), before)


def test_a_network_without_weights_is_not_trained(few: Data) -> None:
    arch = archspec.load({"name": "none", "input": [1, 8, 8], "stages": {"a": "relu", "p": "globalpool"}})
    with pytest.raises(ExperimentError, match="none has no weights to train"):
        begin_training(arch.graph, few, RECIPE)


def test_a_loss_that_is_no_number_ends_it_and_leaves_the_last_epoch(
    dropping: archspec.Architecture, few: Data, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    training = begin_training(dropping.graph, few, RECIPE)
    epochs = train_epochs(training, few, RECIPE, checkpoint=checkpoint)
    next(epochs)
    before, kept = checkpoint.read_bytes(), state(training)
    with torch.no_grad():
        training.model.get_parameter("f.bias")[0] = torch.nan
    with pytest.raises(DivergedError, match="the loss is nan in epoch 2, step 1 of 7") as caught:
        next(epochs)
    assert (caught.value.epoch, caught.value.step) == (2, 1)
    assert checkpoint.read_bytes() == before
    again = begin_training(dropping.graph, few, RECIPE)
    resume_training(again, checkpoint)
    assert equal(state(again), kept)


def test_rates_that_are_too_high_end_it(dropping: archspec.Architecture, few: Data, tmp_path: Path) -> None:
    recipe = replace(RECIPE, rate=1e30)
    with pytest.raises(DivergedError, match=r"the (loss|gradient) is \w+ in epoch 1, step [2-7] of 7"):
        list(train_epochs(begin_training(dropping.graph, few, recipe), few, recipe, checkpoint=tmp_path / "checkpoint"))
    assert not list(tmp_path.iterdir())


def test_a_gradient_that_is_no_number_changes_no_weight(
    dropping: archspec.Architecture, few: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", lambda *_, **__: torch.tensor(torch.inf))
    training = begin_training(dropping.graph, few, RECIPE)
    before = {name: weight.clone() for name, weight in training.model.named_parameters()}
    with pytest.raises(DivergedError, match="the gradient is inf in epoch 1, step 1 of 7"):
        list(train_epochs(training, few, RECIPE))
    assert all(torch.equal(weight, before[name]) for name, weight in training.model.named_parameters())


def test_weights_and_scores_of_the_last_step_are_looked_at_too(
    dropping: archspec.Architecture, few: Data, tmp_path: Path
) -> None:
    """After the last step of an epoch no loss would show the error."""
    checkpoint = tmp_path / "checkpoint"
    for names, value, message in (
        (["f.bias"], torch.nan, "f.bias has 10 values that are not finite after epoch 1"),
        (["f.weight", "b.weight"], 3e38, "test samples get scores that are not finite"),
    ):
        training = begin_training(dropping.graph, few, RECIPE)

        def spoil(_: float, training: Training = training, names: list[str] = names, value: float = value) -> None:
            if training.position == STEPS:
                with torch.no_grad():
                    for name in names:
                        training.model.get_parameter(name).fill_(value)

        with pytest.raises(DivergedError, match=message):
            list(train_epochs(training, few, RECIPE, checkpoint=checkpoint, step=spoil))
        assert not checkpoint.exists()


@contextmanager
def short_writes(limit: int) -> Iterator[None]:
    """Limits the size of files, as a full disk does: the system writes a part and then fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def failing(function: str, code: int) -> Iterator[None]:
    """Makes a function of `os` fail."""
    with pytest.MonkeyPatch.context() as patch:

        def fail(*_: Any, **__: Any) -> None:
            raise OSError(code, os.strerror(code))

        patch.setattr(os, function, fail)
        yield


class KilledError(BaseException):
    """Simulates the end of the process."""


@contextmanager
def killed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:

        def kill(*_: Any) -> None:
            raise KilledError

        patch.setattr(os, "fsync", kill)
        yield


FAULTS: dict[str, Callable[[], Any]] = {
    "short": lambda: short_writes(4000),
    "first byte": lambda: short_writes(0),
    "ENOSPC": lambda: failing("fsync", 28),
    "EIO": lambda: failing("fsync", 5),
    "killed": killed,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_write_that_fails_leaves_the_checkpoint_before(
    number: int, fault: str, dropping: archspec.Architecture, few: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write of a training: the old checkpoint is kept and readable, and the message names it."""
    checkpoint, written = tmp_path / "checkpoint", [b""]

    def write(path: Path, content: bytes, original: Callable[..., None] = files.write_atomically) -> None:
        if len(written) == number:
            with FAULTS[fault]():
                original(path, content)
        original(path, content)
        written.append(content)

    monkeypatch.setattr(files, "write_atomically", write)
    training = begin_training(dropping.graph, few, RECIPE)
    with pytest.raises((OSError, KilledError)) as caught:
        list(train_epochs(training, few, RECIPE, checkpoint=checkpoint))
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(checkpoint) and caught.value.strerror
    assert len(written) == number
    assert sorted(tmp_path.iterdir()) == [checkpoint][: number - 1]
    if number > 1:
        assert checkpoint.read_bytes() == written[-1]
        again = begin_training(dropping.graph, few, RECIPE)
        resume_training(again, checkpoint)
        assert again.done == number - 1


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_cannot_be_written_leave_those_before(
    fault: str, row: archspec.Architecture, tmp_path: Path
) -> None:
    for name in ("w.pt", "w.safetensors"):
        weights.save_weights(tmp_path / name, row.build(seed=1).state_dict())
        before = (tmp_path / name).read_bytes()
        with pytest.raises((OSError, KilledError)), FAULTS[fault]():
            weights.save_weights(tmp_path / name, row.build(seed=2).state_dict())
        assert (tmp_path / name).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_it_learns(row: archspec.Architecture, few: Data) -> None:
    recipe = Recipe(epochs=6, rate=3e-2, batch=16)
    training = begin_training(row.graph, few, recipe)
    losses = [epoch.loss for epoch in train_epochs(training, few, recipe)]
    assert losses[-1] < 0.9 * losses[0]
    scores = training.model(few.test_pixels)
    assert measure_test_error(training.model, few, batch=7) == pytest.approx(
        float((scores.argmax(1) != few.test_labels).float().mean()), abs=1e-6
    )


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth"])
def test_weights_come_back(name: str, row: archspec.Architecture, tmp_path: Path) -> None:
    own = row.build(seed=3).state_dict()
    weights.save_weights(tmp_path / name, own)
    assert equal(row.build(weights=tmp_path / name).state_dict(), dict(own))


def test_files_without_weights() -> None:
    with pytest.raises(ExportError, match=r"ends in .safetensors, .pt, .pth, not 'w.bin'"):
        weights.save_weights(Path("w.bin"), {})


def test_weights_that_are_not_those_of_a_network(row: archspec.Architecture) -> None:
    own = dict(row.build().state_dict())
    name = "fc.weight"
    for other, message in (
        ({key: weight for key, weight in own.items() if key != name}, f"the weights have no {name}"),
        (own | {name: torch.zeros(2, 3)}, rf"{name} is \[2, 3\] in the weights, \[10, 4\] in the network"),
        (own | {name: own[name].to(torch.complex64)}, f"{name} is of torch.complex64 in the weights"),
    ):
        with pytest.raises(ExperimentError, match=message):
            weights.fit_weights(row.build(), other)
