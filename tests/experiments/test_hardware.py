"""Precision, compilation and what goes with them: as torch's own autocast and scaler do it, and resumed as if never stopped."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec import CheckpointWarning
from archspec.experiments import fabric as fabrics
from archspec.experiments.data import Data
from archspec.experiments.fabric import Hardware, launch_fabric
from archspec.experiments.loading import Loader
from archspec.experiments.recipe import Recipe
from archspec.experiments.track import DivergedError, ExperimentError, StoppedError
from archspec.experiments.training import Training, begin_training, measure_test_error, resume_training, train_epochs

RECIPE = Recipe(epochs=2, batch=50, optimizer="sgd", rate=0.05, schedule="step")


@pytest.fixture(scope="module")
def few(digits: Data) -> Data:
    return replace(digits, pixels=digits.pixels[:200], labels=digits.labels[:200])


def begin(
    arch: archspec.Architecture, data: Data, precision: str = "32", recipe: Recipe = RECIPE, **options: Any
) -> Training:
    return begin_training(arch.graph, data, recipe, fabric=launch_fabric(Hardware("cpu", precision)), **options)


def train(training: Training, data: Data, recipe: Recipe = RECIPE, **options: Any) -> dict[str, Tensor]:
    list(train_epochs(training, data, recipe, **options))
    return training.weights()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def train_by_hand(model: nn.Module, data: Data, dtype: torch.dtype) -> dict[str, Tensor]:
    """Two epochs in plain torch, under autocast, for float16 with its scaler."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [4, 6])
    scaler = torch.amp.GradScaler("cpu", enabled=dtype == torch.float16)
    order = torch.Generator().manual_seed(0)
    for _ in range(2):
        model.train()
        for batch in torch.split(torch.randperm(len(data.labels), generator=order), 50):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype):
                scores = model(data.pixels[batch].to(dtype))
            loss = nn.functional.cross_entropy(scores.float(), data.labels[batch])
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
    return model.state_dict()


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_precision_is_autocast(precision: str, dtype: torch.dtype, row: archspec.Architecture, few: Data) -> None:
    weights = train(begin(row, few, precision), few)
    assert {weight.dtype for weight in weights.values()} == {torch.float32, torch.int64}
    assert equal(weights, train_by_hand(row.build(seed=0), few, dtype))
    assert not equal(weights, train(begin(row, few), few))


@pytest.mark.parametrize("checkpoint", ["norms", "blocks"])
def test_less_memory_under_autocast_changes_no_weight(checkpoint: Any, row: archspec.Architecture, few: Data) -> None:
    plain = train(begin(row, few, "bf16"), few)
    assert equal(train(begin(row, few, "bf16", checkpoint=checkpoint), few), plain)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_resumed_is_as_if_never_stopped(precision: str, row: archspec.Architecture, few: Data, tmp_path: Path) -> None:
    calls = iter(range(1, 100))
    cut = begin(row, few, precision)
    with pytest.raises(StoppedError):
        train(cut, few, checkpoint=tmp_path / "cut", stop=lambda: next(calls) == 7)
    again = begin(row, few, precision)
    resume_training(again, tmp_path / "cut")
    assert equal(train(again, few), train(begin(row, few, precision), few))
    with pytest.raises(
        ExperimentError, match=r"is of another recipe: precision is '.*-mixed' in it, expected '32-true'"
    ):
        resume_training(begin(row, few), tmp_path / "cut")


def test_a_step_that_overflows_float16_is_left_out(row: archspec.Architecture, few: Data) -> None:
    training = begin(row, few, "fp16", replace(RECIPE, epochs=1))
    scaler = training.fabric.strategy.precision.scaler  # type: ignore[attr-defined]
    scaler.load_state_dict(scaler.state_dict() | {"scale": 2.0**120})
    before = {name: weight.clone() for name, weight in training.model.named_parameters()}
    seen: list[bool] = []

    def look(_: float) -> None:
        seen.append(all(torch.equal(weight, before[name]) for name, weight in training.model.named_parameters()))

    train(training, few, replace(RECIPE, epochs=1), step=look)
    assert seen == [True] * 4 and scaler.get_scale() == 2.0**116


def test_gradients_that_stay_infinite_end_it(row: archspec.Architecture, few: Data) -> None:
    training = begin(row, few, "fp16")
    scaler = training.fabric.strategy.precision.scaler  # type: ignore[attr-defined]
    scaler.load_state_dict(scaler.state_dict() | {"scale": 1e-9})
    training.model.get_parameter("fc.weight").register_hook(lambda gradient: gradient * torch.inf)  # type: ignore[no-untyped-call]
    with pytest.raises(DivergedError, match=r"the gradient is (nan|inf) in epoch 1, step 1 of 4"):
        train(training, few)


def test_compiled_is_the_same_network(row: archspec.Architecture, few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch's compiler, but no code generated."""
    graphs = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend, dynamic=False))
    compiled = begin(row, few, compiled=True)
    weights = train(compiled, few)
    assert len(graphs) >= 2  # in training and in evaluation
    for name, weight in train(begin(row, few), few).items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=1e-5)
    loader = Loader(few, Recipe(), fabric=compiled.fabric)
    assert measure_test_error(compiled.module, few, loader=loader) == compiled.history[-1].test_error


def test_what_the_compiler_decides_itself_is_told(row: archspec.Architecture, few: Data) -> None:
    with pytest.warns(CheckpointWarning, match=r"checkpoint norms saves no memory: torch\.compile decides"):
        begin(row, few, checkpoint="norms", compiled=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "16"}, "precision: expected 32, bf16, fp16, got '16'"),
        ({"strategy": "dp"}, "strategy: expected auto, ddp, fsdp, got 'dp'"),
        ({"strategy": "ddp"}, "ddp is for several processes: start them with torchrun, or with --devices"),
        ({"strategy": "fsdp", "precision": "fp16", "devices": 2}, "fsdp has no scaled gradients"),
    ],
)
def test_hardware_that_does_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        Hardware("cpu", **options)


def test_processes_that_leave_out_other_parts_share_no_weights() -> None:
    graph = archspec.load("stochastic_depth_resnet110_cifar10").graph
    with pytest.raises(ExperimentError, match="this network leaves out others in each: expected ddp"):
        fabrics._make_strategy(Hardware("cpu", strategy="fsdp", devices=2), graph)
    assert fabrics._make_strategy(Hardware("cpu", devices=2), graph)._ddp_kwargs["find_unused_parameters"]
    plain = archspec.load("resnet18").graph
    assert not fabrics._make_strategy(Hardware("cpu", devices=2), plain)._ddp_kwargs["find_unused_parameters"]


def test_without_fabric_the_command_to_install_it_is_told(
    row: archspec.Architecture, few: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(ExperimentError, match=r"not installed: pip install 'archspec-nn\[train\]'"):
        begin_training(row.graph, few, RECIPE)
