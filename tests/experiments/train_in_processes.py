"""Trains in the processes that torchrun starts, and says what each of them comes to, as lines of JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import archspec
from archspec.experiments.data import Data
from archspec.experiments.fabric import Hardware, launch_fabric
from archspec.experiments.recipe import Recipe
from archspec.experiments.sources import load_data
from archspec.experiments.track import StoppedError
from archspec.experiments.training import Training, begin_training, resume_training, train_epochs

EXACT = """\
name: exact
input: [1, 8, 8]
stages:
  stem: {layers: {conv: {conv: {out: 8, kernel: 3}}, gn: {groupnorm: 4}, relu: relu}}
  body: {repeat: {times: 2, layers: [add: [{layers: {conv: {conv: {out: 8, kernel: 3, padding: same}}, gn: {groupnorm: 4}, relu: relu}}, identity]]}}
  pool: globalpool
  fc: {linear: 10}
"""
"""Without batch normalisation and dropout: samples do not depend on one another, or on the process."""
DRAWN = """\
name: drawn
input: [1, 8, 8]
stages:
  stem: {layers: {conv: {conv: {out: 8, kernel: 3}}, bn: batchnorm, relu: relu}}
  body: {repeat: {times: 2, layers: [add: [[{conv: {out: 8, kernel: 3, padding: same}}, batchnorm, {droppath: 0.5}], identity]]}}
  drop: {dropout: 0.3}
  pool: globalpool
  fc: {linear: 10}
"""
"""With what depends on the process: running statistics, and draws."""
WHOLE = Recipe(epochs=2, batch=32, rate=0.05, optimizer="nesterov", schedule="cosine", ema=0.9, augment="crop")
"""What one process does with the minibatches of all."""
SHARED = replace(WHOLE, batch=8, accumulate=2)
SAMPLES = 193
"""One more than 6 times 32: in the last step the second process is left without a sample."""
PLACES = {"ddp": "auto", "fsdp": "fsdp"}


def load_few(arch: archspec.Architecture) -> Data:
    digits = load_data("digits", arch.graph)
    return replace(digits, pixels=digits.pixels[:SAMPLES], labels=digits.labels[:SAMPLES])


def digest(weights: dict[str, Tensor]) -> str:
    return sha256(b"".join(weight.numpy().tobytes() for weight in weights.values())).hexdigest()


def train(strategy: str, spec: str, recipe: Recipe, checkpoint: Path, stop_after: int | None = None) -> Training:
    """A training to its end. It is stopped in the first process alone, and the checkpoint is then gone on from in all."""
    arch = archspec.load(spec)
    data, steps = load_few(arch), 0

    def begin() -> Training:
        fabric = launch_fabric(Hardware("cpu", strategy=PLACES[strategy]), arch.graph)
        return begin_training(arch.graph, data, recipe, fabric=fabric)

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == stop_after and training.fabric.is_global_zero

    training = begin()
    try:
        list(train_epochs(training, data, recipe, checkpoint=checkpoint, stop=stop))
    except StoppedError:
        place = training.place
        training = begin()
        resume_training(training, checkpoint)
        assert training.place == place
        list(train_epochs(training, data, recipe, checkpoint=checkpoint))
    else:
        assert stop_after is None
    return training


def report(folder: Path, *strategies: str) -> None:
    torch.set_num_threads(1)
    for strategy in strategies:
        exact = train(strategy, EXACT, SHARED, folder / "exact.checkpoint")
        weights = exact.weights()
        if exact.fabric.is_global_zero:
            torch.save(weights, folder / f"{strategy}.pt")
        facts: dict[str, Any] = {
            "strategy": strategy,
            "rank": exact.fabric.global_rank,
            "losses": [epoch.loss for epoch in exact.history],
            "errors": [epoch.test_error for epoch in exact.history],
            "exact": digest(weights),
        }
        recipe = replace(SHARED, optimizer="adamw")
        facts["whole"] = digest(train(strategy, DRAWN, recipe, folder / "drawn.checkpoint").weights())
        facts["resumed"] = digest(train(strategy, DRAWN, recipe, folder / "drawn.checkpoint", stop_after=10).weights())
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    report(Path(sys.argv[1]), *sys.argv[2:])
