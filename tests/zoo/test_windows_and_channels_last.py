"""Swin and ConvNeXt, compared with torchvision: strict loading both ways, outputs; convolutions with standardised weights with timm."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from tests.references import torchvision

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
