"""AlexNet as published, with two groups on two GPUs that are connected only in some layers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.zoo.in_order import InOrder, built, noise, torch

F = torch.nn.functional


def normalised(x: Any) -> Any:
    """Krizhevsky et al. 2012, section 3.3: each number is divided by (k + α Σ a²)^β, over n = 5 neighbouring maps."""
    squares = F.pad(x * x, (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, first : first + x.shape[1]] for first in range(5))
    return x / (2 + 1e-4 * total) ** 0.75


def alexnet(tensors: InOrder, image: Any) -> Any:
    """Figure 2: the second, fourth and fifth layer read only the maps of their own GPU, the third reads all."""

    def apart(x: Any, out: int, kernel: int) -> Any:
        weight, bias = tensors.take(out, x.shape[1] // 2, kernel, kernel), tensors.take(out)
        parts = zip(x.chunk(2, dim=1), weight.chunk(2), bias.chunk(2), strict=True)
        return torch.relu(torch.cat([F.conv2d(a, w, b, padding=kernel // 2) for a, w, b in parts], dim=1))

    x = torch.relu(tensors.conv(image, 96, 11, stride=4, padding=0))
    x = F.max_pool2d(normalised(x), 3, 2)
    x = F.max_pool2d(normalised(apart(x, 256, 5)), 3, 2)
    x = torch.relu(tensors.conv(x, 384, 3))
    x = F.max_pool2d(apart(apart(x, 384, 3), 256, 3), 3, 2).flatten(1)
    for _ in range(2):
        x = torch.relu(tensors.linear(x, 4096))
    return tensors.linear(x, 10)


def test_alexnet() -> None:
    model = built("alexnet_2group", classes=10).eval()
    image = 100 * noise(
        1, 3, 227, 227
    )  # in the range of pixels minus their mean, for which the normalisation has an effect
    tensors = InOrder(model)
    with torch.no_grad():
        theirs, ours = alexnet(tensors, image), model(image)
    assert not tensors.left
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


@pytest.mark.parametrize("alpha", [1e-4, 5e-4])
def test_the_normalisation_counts(alpha: float) -> None:
    """torch divides α by the number of maps, so that only the larger value is the paper's."""
    x = 100 * noise(1, 8, 2, 2)
    ours = torch.nn.LocalResponseNorm(5, alpha=alpha, beta=0.75, k=2.0)(x)
    assert torch.allclose(ours, normalised(x), rtol=1e-12) is (alpha == 5e-4)
