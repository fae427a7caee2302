"""Highway networks: convolutional and uncoupled ones, and with constantly open gates."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes, torch

F = torch.nn.functional
OPEN = [{"scale": {"by": 0, "plus": 1}}]  # a gate that is always 1


def highway(tensors: InOrder, x: Any) -> Any:
    """Srivastava et al. 2015, arXiv:1507.06228, equation 3, with convolutions."""
    t = torch.sigmoid(tensors.conv(x, x.shape[1], 3))
    h = torch.relu(tensors.conv(x, x.shape[1], 3))
    return h * t + x * (1 - t)


def mnist(tensors: InOrder, image: Any, width: int) -> Any:
    x = torch.relu(tensors.conv(image, width, 5, padding=0))
    for count, kernel, places in ((2, 3, 12), (3, 3, 6), (3, 2, 3)):
        for _ in range(count):
            x = highway(tensors, x)
        x = F.max_pool2d(x, kernel, 2, ceil_mode=True)
        assert x.shape[2:] == (places, places)
    return tensors.linear(x.flatten(1), 10)


def cifar(tensors: InOrder, image: Any, classes: int) -> Any:
    x = image
    for width, count in ((32, 4), (80, 5), (128, 5)):
        x = torch.relu(tensors.conv(x, width, 3))
        for _ in range(count):
            x = highway(tensors, x)
        x = F.max_pool2d(x, 2) if width < 128 else x
    return tensors.linear(tensors.average(torch.relu(tensors.conv(x, 100))), classes)


@pytest.mark.parametrize("width", [16, 32])
def test_convolutional(width: int) -> None:
    def reference(tensors: InOrder, image: Any) -> Any:
        return mnist(tensors, image, width)

    same_in_both_modes(built(f"highway_mnist_conv10_w{width}"), reference, noise(2, 1, 28, 28))


@pytest.mark.parametrize("classes", [10, 100])
def test_nineteen_layers(classes: int) -> None:
    def reference(tensors: InOrder, image: Any) -> Any:
        return cifar(tensors, image, classes)

    same_in_both_modes(built("highway_B_cifar10_19", classes=classes), reference, noise(2, 3, 32, 32))


@pytest.mark.parametrize("depth", [20, 50, 100])
def test_deep(depth: int) -> None:
    def reference(tensors: InOrder, image: Any) -> Any:
        x = torch.relu(tensors.linear(image.flatten(1), 50))
        for _ in range(depth - 1):
            t = torch.sigmoid(tensors.linear(x, 50))
            h = torch.relu(tensors.linear(x, 50))
            x = h * t + x * (1 - t)
        return tensors.linear(x, 10)

    same_in_both_modes(built(f"highway_mnist_fc{depth}"), reference, noise(3, 1, 28, 28))


@pytest.mark.parametrize(
    ("spec", "bias", "count"), [("highway_mnist_conv10_w32", -1, 8), ("highway_B_cifar10_19", -2, 14)]
)
def test_gates_start_closed(spec: str, bias: int, count: int) -> None:
    """Section 2.2, and the released networks: negative transform biases."""
    state = archspec.load(spec).build(seed=0).state_dict()
    gates = [tensor for key, tensor in state.items() if "transform" in key and key.endswith("bias")]
    assert len(gates) == count
    assert all((tensor == bias).all() for tensor in gates)


def uncoupled(tensors: InOrder, image: Any, layers: int = 9) -> Any:
    """Equation 2: y = H T + x C, each with weights of its own."""
    x = torch.relu(tensors.linear(image.flatten(1), 50))
    for _ in range(layers):
        t, c = (torch.sigmoid(tensors.linear(x, 50)) for _ in "TC")
        h = torch.relu(tensors.linear(x, 50))
        x = h * t + x * c
    return tensors.linear(x, 10)


def residual(tensors: InOrder, image: Any) -> Any:
    """He et al. 2015, equation 1: y = F(x) + x."""
    x = torch.relu(tensors.linear(image.flatten(1), 50))
    for _ in range(9):
        x = torch.relu(tensors.linear(x, 50)) + x
    return tensors.linear(x, 10)


def test_uncoupled() -> None:
    same_in_both_modes(built("highway_uncoupled_mnist_fc10"), uncoupled, noise(3, 1, 28, 28))


def test_a_residual_network_is_a_highway_with_open_gates() -> None:
    """With T = C = 1 the function and the paths are exactly those of a ResNet."""
    model = built("highway_uncoupled_mnist_fc10", gate=OPEN, carry_gate=OPEN)
    same_in_both_modes(model, residual, noise(3, 1, 28, 28))
    arch = archspec.load("highway_uncoupled_mnist_fc10", gate=OPEN, carry_gate=OPEN)
    assert arch.params == (784 * 50 + 50) + 9 * (50 * 50 + 50) + (50 * 10 + 10)
    assert arch.paths().total == 2**9


def test_the_coupled_highway_is_an_uncoupled_one() -> None:
    """C = 1 - T, because 1 - sigmoid(z) = sigmoid(-z): a carry gate with the weights of the transform gate negated."""
    free, bound = built("highway_uncoupled_mnist_fc10"), built("highway_mnist_fc10")
    state = bound.state_dict()
    for key, tensor in list(state.items()):
        if ".transform." in key:
            state[key.replace(".transform.", ".carry.")] = -tensor
    free.load_state_dict(state, strict=True)
    image = noise(3, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(free(image), bound(image), rtol=0, atol=1e-12)
