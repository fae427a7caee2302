"""Swin and ConvNeXt, compared with torchvision: strict loading both ways, outputs; convolutions with standardised weights with timm."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import archspec
from tests.references import timm, torchvision

torch = pytest.importorskip("torch")

TOLERANCE = {"swin_t": 2e-6, "convnext_tiny": 0.0}
"""The largest difference: torchvision multiplies and sums attention step by step, torch's fused function does not."""


@pytest.mark.parametrize(("name", "size"), [("swin_t", 224), ("convnext_tiny", 64)])
def test_function(name: str, size: int) -> None:
    torch.manual_seed(0)
    reference = getattr(torchvision().models, name)().eval()
    for weight in reference.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.02)
    arch = archspec.load(name)
    model = arch.build(device="cpu", seed=0).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    reference.load_state_dict(model.state_dict(), strict=True)
    image = torch.randn(1, 3, size, size)
    with torch.no_grad():
        made, expected = model(image), reference(image)
    assert (made - expected).abs().max().item() <= TOLERANCE[name] * max(1, expected.abs().max().item())
    assert_printed(arch, model, image, made)


def assert_printed(arch: Any, model: Any, image: Any, made: Any) -> None:
    """The printed source has the same weights and computes the same."""
    scope: dict[str, Any] = {}
    exec(arch.source(), scope)  # noqa: S102
    classes = [value for value in scope.values() if isinstance(value, type) and value.__module__ == "builtins"]
    printed = classes[-1]().eval()
    printed.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(printed(image), made)


@pytest.mark.parametrize(("name", "gigamacs"), [("swin_t", 4.491), ("convnext_tiny", 4.456)])
def test_the_multiplications_are_those_that_torchvision_prints(name: str, gigamacs: float) -> None:
    assert round(archspec.load(name).macs / 1e9, 3) == gigamacs


def test_bit_is_that_of_timm() -> None:
    torch.manual_seed(0)
    reference = timm().create_model("resnetv2_50x1_bit", pretrained=False).eval()
    for weight in reference.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.02)
    model = archspec.load("resnetv2_50x1_bit").build(device="cpu", seed=0).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(image), reference(image))


STANDARDISED = {
    "StdConv2d": "standardise: true, eps: 1e-8",
    "ScaledStdConv2d": "standardise: true, eps: 1e-5, gain: 1.71",
}
OPTIONS: dict[str, dict[str, float]] = {"StdConv2d": {"eps": 1e-8}, "ScaledStdConv2d": {"eps": 1e-5, "gamma": 1.71}}


@pytest.mark.parametrize("name", STANDARDISED)
def test_standardised_convolutions_are_those_of_timm(name: str) -> None:
    timm()
    layers = importlib.import_module("timm.layers")
    torch.manual_seed(0)
    reference = getattr(layers, name)(4, 6, 3, stride=2, padding=1, groups=2, bias=True, **OPTIONS[name])
    conv = f"{{conv: {{out: 6, kernel: 3, stride: 2, padding: 1, groups: 2, {STANDARDISED[name]}}}, as: c}}, batchnorm"
    arch = archspec.load(f"{{name: small, input: [4, 9, 9], stages: {{body: [{conv}]}}}}")
    model: Any = arch.build(device="cpu", seed=0).eval()
    model.body.c.load_state_dict(reference.state_dict(), strict=True)
    image = torch.randn(2, 4, 9, 9)
    with torch.no_grad():
        assert torch.equal(model.body.c(image), reference(image))
        optimised = arch.optimize()
        fast = optimised.build(device="cpu").eval()
        fast.load_state_dict(optimised.map_weights(model.state_dict()))
        torch.testing.assert_close(fast(image), model(image))
        assert_printed(arch, model, image, model(image))
    assert arch.params == sum(weight.numel() for weight in model.parameters())
