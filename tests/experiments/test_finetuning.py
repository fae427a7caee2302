"""Fine-tuning, compared with a loop in plain torch: trained parameters, learning rates, and initial weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec.experiments.data import Data
from archspec.experiments.selection import Selection, select_weights
from archspec.experiments.track import ExperimentError, StoppedError
from archspec.experiments.training import Recipe, Training, begin_training, resume_training, train_epochs

NET = """\
name: net
input: [1, 8, 8]
args: {classes: 10}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {layers: [add: [{layers: {conv: {conv: {out: channels, kernel: 3}}, bn: batchnorm, relu: relu}}, identity]]}
stages:
  stem: {layers: {conv: {conv: {out: 4, kernel: 3}}, bn: batchnorm, relu: relu}}
  layer1: [repeat: {times: 2, layers: [unit]}]
  layer2: [repeat: {times: 2, layers: [unit]}]
  pool: globalpool
  drop: {dropout: 0.2}
  fc: {linear: classes}
"""
RECIPE = Recipe(epochs=2, seed=5, batch=32, freeze=("stem", "layer1"), rates=(("head", 0.02), ("layer2.1", 0.001)))
STEPS = 7
"""The steps of an epoch of 200 samples."""


@pytest.fixture(scope="module")
def arch() -> archspec.Architecture:
    return archspec.load(NET)


@pytest.fixture(scope="module")
def few(digits: Data) -> Data:
    return replace(digits, pixels=digits.pixels[:200], labels=digits.labels[:200])


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the network with another head."""
    generator = torch.Generator().manual_seed(1)
    state = archspec.load(NET, classes=7).build(seed=9).state_dict()
    for name, weight in state.items():
        if name.endswith("running_mean"):
            weight.copy_(torch.randn(weight.shape, generator=generator))
    path = tmp_path_factory.mktemp("pretrained") / "last.ckpt"
    torch.save({"state_dict": {f"model.{name}": weight for name, weight in state.items()}, "epoch": 3}, path)
    return path


def fine_tune(arch: archspec.Architecture, data: Data, recipe: Recipe, **options: Any) -> Training:
    training = begin_training(arch.graph, data, recipe, **({"report": lambda _: None} | options))
    list(train_epochs(training, data, recipe))
    return training


def state(training: Training) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in training.model.state_dict().items()}


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def train_by_hand(model: nn.Module, file: Path, data: Data) -> dict[str, Tensor]:
    """The same in plain torch: a new head, frozen stem and layer1, three learning rates."""
    got = {name.removeprefix("model."): weight for name, weight in torch.load(file)["state_dict"].items()}
    missing, _ = model.load_state_dict({name: got[name] for name in got if not name.startswith("fc.")}, strict=False)
    assert missing == ["fc.weight", "fc.bias"]
    frozen = [model.get_submodule("stem"), model.get_submodule("layer1")]
    for part in frozen:
        part.requires_grad_(False)
    by_rate: dict[float, list[nn.Parameter]] = {0.003: [], 0.001: [], 0.02: []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            by_rate[0.02 if name.startswith("fc.") else 0.001 if name.startswith("layer2.1.") else 0.003].append(
                parameter
            )
    groups = [{"params": parameters, "lr": rate} for rate, parameters in by_rate.items()]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, list(by_rate), total_steps=2 * STEPS)
    order = torch.Generator().manual_seed(5)
    with torch.random.fork_rng([]):
        torch.manual_seed(5)
        for _ in range(2):
            model.train()
            for part in frozen:
                part.eval()
            for batch in torch.split(torch.randperm(len(data.labels), generator=order), 32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(data.pixels[batch]), data.labels[batch]).backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
    return model.state_dict()


def test_it_is_the_loop_that_is_written_by_hand(arch: archspec.Architecture, few: Data, pretrained: Path) -> None:
    reports: list[archspec.WeightReport] = []
    training = fine_tune(arch, few, RECIPE, weights=pretrained, report=reports.append)
    assert equal(state(training), train_by_hand(arch.build(seed=5), pretrained, few))
    (report,) = reports
    assert (report.taken, report.total, report.fresh) == (30, 32, ("fc.weight", "fc.bias"))
    assert report.notes[-1] == "the head fc of 7 classes was left out; that of 10 is fresh"


def test_what_is_frozen_does_not_change(arch: archspec.Architecture, few: Data, pretrained: Path) -> None:
    before = state(begin_training(arch.graph, few, RECIPE, weights=pretrained, report=lambda _: None))
    training = fine_tune(arch, few, RECIPE, weights=pretrained)
    after = state(training)
    same = {name for name in after if torch.equal(before[name], after[name])}
    assert same == {name for name in after if name.startswith(("stem.", "layer1."))}
    assert any(name.endswith("num_batches_tracked") for name in same)
    frozen = {name for name, parameter in training.model.named_parameters() if not parameter.requires_grad}
    assert frozen == set(training.selection.frozen) == {name for name in same if name.endswith(("weight", "bias"))}
    optimised = {id(each) for group in training.optimizer.param_groups for each in group["params"]}
    assert optimised == {id(each) for each in training.model.parameters() if each.requires_grad}
    assert len(training.optimizer.state) == len(optimised)


@pytest.mark.parametrize("checkpoint", ["blocks", "norms"])
def test_memory_is_saved_with_the_same_numbers(
    checkpoint: archspec.Checkpoint, arch: archspec.Architecture, few: Data, pretrained: Path
) -> None:
    """For a network without random numbers, whose frozen part also comes after a trained one."""
    preact = archspec.load(
        NET.replace(
            "conv: {conv: {out: channels, kernel: 3}}, bn: batchnorm, relu: relu",
            "bn: batchnorm, relu: relu, conv: {conv: {out: channels, kernel: 3}}",
        ).replace("drop: {dropout: 0.2}", "drop: identity")
    )
    recipe = replace(RECIPE, freeze=("stem.bn", "layer2.0"), epochs=1)
    plain = fine_tune(preact, few, recipe)
    saving = fine_tune(preact, few, recipe, checkpoint=checkpoint)
    assert equal(state(saving), state(plain))


@pytest.mark.parametrize("asked", [1, STEPS, STEPS + 4])
def test_it_goes_on_to_the_same_weights(
    asked: int, arch: archspec.Architecture, few: Data, pretrained: Path, tmp_path: Path
) -> None:
    whole = fine_tune(arch, few, RECIPE, weights=pretrained)
    calls = iter(range(1, 99))
    checkpoint = tmp_path / "checkpoint"
    quiet: dict[str, Any] = {"weights": pretrained, "report": lambda _: None}
    cut = begin_training(arch.graph, few, RECIPE, **quiet)
    with pytest.raises(StoppedError):
        list(train_epochs(cut, few, RECIPE, checkpoint=checkpoint, stop=lambda: next(calls) == asked))
    again = begin_training(arch.graph, few, RECIPE, **quiet)
    resume_training(again, checkpoint)
    list(train_epochs(again, few, RECIPE))
    assert equal(state(again), state(whole)) and again.history == whole.history
    for recipe, options, message in (
        (replace(RECIPE, freeze=("stem",)), quiet, "freeze is 'stem,layer1' in it, expected 'stem'"),
        (replace(RECIPE, train_only=("fc", "layer2")), quiet, "train_only is none in it, expected 'fc,layer2'"),
        (replace(RECIPE, rates=()), quiet, r"rates is 'head=0.02,layer2.1=0.001' in it, expected none"),
        (RECIPE, {}, "weights is '.*last.ckpt' in it, expected none"),
    ):
        with pytest.raises(ExperimentError, match=f"is of another recipe: {message}"):
            resume_training(begin_training(arch.graph, few, recipe, **options), checkpoint)


def select(arch: archspec.Architecture, **options: Any) -> Selection:
    return select_weights(arch.build(), arch.graph, **options)


def trained_layers(selection: Selection) -> list[str]:
    names = [name for name, parameter in selection.model.named_parameters() if parameter.requires_grad]
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


def test_parts_have_the_names_of_the_state_dict(arch: archspec.Architecture) -> None:
    for options, trained, norms in (
        ({"train_only": ["head"]}, ["fc"], 5),
        ({"freeze": ["body"]}, ["fc"], 5),
        ({"train_only": ["layer2.1", "fc"], "freeze": ["layer2.1.conv"]}, ["layer2.1.bn", "fc"], 4),
        ({"freeze": ["stem", "layer1", "layer2.0", "head"]}, ["layer2.1.conv", "layer2.1.bn"], 4),
        ({"freeze": ["body", "fc.bias"]}, ["fc"], 5),
    ):
        selection = select(arch, **options)
        assert trained_layers(selection) == trained
        assert len(selection.norms) == norms
    assert str(select(arch, train_only=["head"])) == (
        "50 of 702 parameters are trained; 5 frozen normalisations keep their running statistics"
    )


def test_a_part_that_is_called_head_is_meant_itself() -> None:
    own = archspec.load("{name: own, input: [4], stages: {head: {linear: 3}, body: {linear: 2}, out: {linear: 2}}}")
    assert trained_layers(select(own, train_only=["head"])) == ["head"]
    assert trained_layers(select(own, freeze=["body"])) == ["head", "out"]


def test_the_innermost_rate_is_taken(arch: archspec.Architecture) -> None:
    rates = [("layer2.1.bn", 0.1), ("layer2", 0.2), ("body", 0.3)]
    groups = select(arch, rates=rates).group_parameters(0.4)
    model_rates = [group["lr"] for group in groups]
    assert model_rates == [0.3, 0.2, 0.1, 0.4]
    assert [len(list(group["params"])) for group in groups] == [9, 4, 2, 2]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"freeze": ["layr1"]}, archspec.UnknownPartError, "the network has no part 'layr1'; did you mean 'layer1'"),
        ({"freeze": ["layer1.4"]}, archspec.UnknownPartError, "no part 'layer1.4'; .*layer1 has layer1.0 to layer1.1"),
        ({"train_only": ["hed"]}, archspec.UnknownPartError, "no part 'hed'; did you mean 'head'"),
        ({"freeze": ["pool"]}, ExperimentError, "pool has no weights of its own"),
        ({"freeze": ["body", "head"]}, ExperimentError, "net has no weights to train that are not frozen"),
        ({"train_only": ["fc"], "freeze": ["fc"]}, ExperimentError, "net has no weights to train that are not frozen"),
        (
            {"freeze": ["stem"], "rates": [("stem.conv", 0.1)]},
            ExperimentError,
            "stem.conv has a learning rate and is frozen",
        ),
    ],
)
def test_what_cannot_be_frozen(
    options: dict[str, Any], error: type[Exception], message: str, arch: archspec.Architecture
) -> None:
    with pytest.raises(error, match=message):
        select(arch, **options)


def test_a_frozen_layer_without_weights_is_told(arch: archspec.Architecture, few: Data, pretrained: Path) -> None:
    recipe = replace(RECIPE, freeze=("head",), rates=())
    with pytest.warns(archspec.WeightsWarning, match="fc.weight is not taken from it and frozen.*, and 1 more"):
        begin_training(arch.graph, few, recipe, weights=pretrained, report=lambda _: None)


def test_a_head_is_left_out_only_where_that_is_asked_for(
    arch: archspec.Architecture, few: Data, pretrained: Path
) -> None:
    with pytest.raises(archspec.WeightsError, match="the head fc has 7 classes, expected 10"):
        begin_training(arch.graph, few, RECIPE, weights=pretrained, adapt="")
