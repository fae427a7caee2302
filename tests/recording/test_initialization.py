"""The initialisations of a model are read while it is made, and never guessed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import nn

import archspec
from archspec.recording.construction import Construction
from tests import references
from tests.sample import sampled


class Schemes(nn.Module):
    """One layer for each way to fill a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.fan_out, self.norm, self.cut = nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.Conv2d(16, 24, 3)
        self.xavier, self.small, self.even = nn.Linear(24, 40), nn.Linear(40, 30), nn.Linear(30, 20)
        self.scale, self.plain = nn.Parameter(torch.ones(20) * 1e-6), nn.Linear(20, 10)
        self.shift = nn.Parameter(torch.randn(10) * 0.02)
        nn.init.kaiming_normal_(self.fan_out.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(cast("torch.Tensor", self.fan_out.bias))
        nn.init.constant_(self.norm.weight, 0)
        nn.init.trunc_normal_(self.cut.weight, std=0.02)
        nn.init.xavier_uniform_(self.xavier.weight)
        self.small.weight.data.normal_(0, 0.01)
        nn.init.uniform_(self.even.weight, -0.25, 0.25)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.cut(self.norm(self.fan_out(x))).mean((2, 3))
        x = self.even(self.small(self.xavier(x))) * self.scale
        return self.plain(x) + self.shift


EXPECTED = {
    "fan_out": {"init": {"kind": "kaiming_normal", "mode": "fan_out"}, "bias_init": 0},
    "norm": {"init": 0},
    "cut": {"init": {"kind": "trunc_normal", "std": 0.02}},
    "xavier": {"init": {"kind": "xavier_uniform"}},
    "small": {"init": {"kind": "normal", "std": 0.01}},
    "even": {"init": {"kind": "uniform", "low": -0.25, "high": 0.25}},
    "scale": {"init": 1e-6},
    "plain": {},
    "shift": {"init": {"kind": "normal", "std": 0.02}},
}


def list_initial(arch: archspec.Architecture) -> dict[str, dict[str, object]]:
    """The initialisation of each layer with weights."""
    fields = {node.name: node.op.lift() for node in arch.graph.ops if node.weights}
    return {
        name: {key: own[key] for key in ("init", "bias_init") if own.get(key) is not None}
        for name, own in fields.items()
    }


def list_effects(arch: archspec.Architecture) -> dict[str, dict[str, object]]:
    """The initialisation of each tensor that it has and that is not torch's own, whatever words say it."""
    effects: dict[str, dict[str, object]] = {}
    for node in arch.graph.ops:
        own = {
            name: scheme for name, scheme in node.op.initial().items() if {name} <= {own.name for own in node.weights}
        }
        usual = {"weight": 1, "bias": 0} if node.op.category == "norm" else {}
        effects[node.name] = {name: scheme for name, scheme in own.items() if usual.get(name) != scheme}
    return effects


def test_what_fills_a_tensor_is_its_initialisation() -> None:
    result = archspec.imported(Schemes, (3, 8, 8), name="schemes")
    assert result.proof is not None
    assert result.proof.holds
    assert list_initial(result.require()) == EXPECTED
    assert result.notes == ()


def test_a_module_that_is_made_already_shows_only_constants() -> None:
    result = archspec.imported(Schemes(), (3, 8, 8), name="schemes", proof=False)
    constants = {"fan_out": {"bias_init": 0}, "norm": {"init": 0}, "scale": {"init": 1e-6}}
    assert list_initial(result.require()) == {name: constants.get(name, {}) for name in EXPECTED}
    assert "of this module only constants are known" in result.notes[0]


class Odd(nn.Module):
    """Tensors that are filled in ways that no scheme says, or that are written again."""

    def __init__(self) -> None:
        super().__init__()
        self.turned, self.partly, self.copied, self.folded = (nn.Linear(8, 8) for _ in range(4))
        nn.init.orthogonal_(self.turned.weight)
        nn.init.normal_(self.partly.weight[:4], std=3.0)
        self.copied.weight.data.copy_(torch.linspace(0, 1, 64).view(8, 8))
        with torch.no_grad():
            self.folded.weight.normal_(0, 0.5).abs_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.folded(self.copied(self.partly(self.turned(x))))


def test_what_is_not_known_is_left_out_and_said() -> None:
    result = archspec.imported(Odd, (8,), name="odd", proof=False)
    assert result.uninitialized == ("turned.weight", "partly.weight", "copied.weight", "folded.weight")
    assert list_initial(result.require()) == {"turned": {}, "partly": {}, "copied": {}, "folded": {}}
    (note,) = result.notes
    assert note.startswith("no scheme of the language says how turned.weight, partly.weight, copied.weight")


@pytest.mark.parametrize(
    ("fill", "kind"),
    [
        (lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"), "kaiming_uniform"),
        (nn.init.xavier_normal_, "xavier_normal"),
        (lambda weight: weight.data.normal_(0, math.sqrt(2 / (24 * 9))), "kaiming_normal"),
        (lambda weight: weight.data.uniform_(-1, 1).erfinv_().mul_(0.02 * math.sqrt(2)).clamp_(-2, 2), "trunc_normal"),
    ],
)
def test_schemes_are_recognised_by_their_numbers(fill: Callable[[torch.Tensor], object], kind: str) -> None:
    def make() -> nn.Module:
        conv = nn.Conv2d(16, 24, 3)
        fill(conv.weight)
        return nn.Sequential(conv)

    fields = list_initial(archspec.imported(make, (16, 8, 8), name="one", proof=False).require())["0"]
    assert fields["init"]["kind"] == kind  # type: ignore[index]


def test_the_context_leaves_torch_as_it_was() -> None:
    before = nn.Module.__init__
    with Construction():
        assert nn.Module.__init__ is not before
    assert nn.Module.__init__ is before


NETWORKS = dict.fromkeys(
    (
        "resnet18",
        "resnet50",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "efficientnet_b0",
        "regnet_y_400mf",
        "convnext_tiny",
        "vit_b_16",
    )
)
"""Networks of torchvision whose specs by hand say all initialisations."""


@pytest.mark.parametrize("name", sampled(NETWORKS, {"resnet18"}))
def test_the_initialisations_of_a_library_are_those_of_the_spec_by_hand(name: str) -> None:
    references.torchvision()
    imported = list_effects(archspec.imported(f"torchvision:{name}", proof=False).require())
    by_hand = list_effects(archspec.load(name))
    assert {key: own for key, own in imported.items() if own and own != by_hand[key]} == {}
    assert {key for key, own in by_hand.items() if own} == {key for key, own in imported.items() if own}
