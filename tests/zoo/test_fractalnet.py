"""FractalNets of four columns, written from Larsson et al. 2016 (arXiv:1605.07648), equation 2 and section 4."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import pytest

from tests.zoo.full_size import same_counts
from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes

torch = pytest.importorskip("torch")
F = torch.nn.functional

EPS = 1e-5
Unit = Callable[[InOrder, Any, int], Any]


def plain(t: InOrder, x: Any, out: int) -> Any:
    """As in Caffe: the convolution has a bias, the normalisation neither factor nor shift. Dropout is disabled."""
    x = t.conv(x, out, 3)
    mean, variance = t.take(out), t.take(out)
    t.take()
    return torch.relu(F.batch_norm(x, mean, variance, training=t.training, eps=EPS))


def affine(t: InOrder, x: Any, out: int, kernel: int = 3, stride: int = 1) -> Any:
    return torch.relu(t.norm(t.conv(x, out, kernel, stride=stride, bias=False), EPS))


def mean(values: list[Any]) -> Any:
    return reduce(torch.add, values) / len(values)


def columns(t: InOrder, x: Any, out: int, count: int, unit: Unit) -> list[Any]:
    """f_1 is one unit; f_{c+1} is a unit beside two f_c in series. The operands of the last join are returned as a list."""
    first = unit(t, x, out)
    if count == 1:
        return [first]
    half = mean(columns(t, x, out, count - 1, unit))
    return [first, *columns(t, half, out, count - 1, unit)]


def fractalnet(t: InOrder, image: Any, count: int, base: int) -> Any:
    x = image
    for factor in (1, 2, 4, 8, 8):
        x = mean([F.max_pool2d(tip, 2) for tip in columns(t, x, factor * base, count, plain)])
    return t.linear(x.flatten(1), 10)


def fractalnet34(t: InOrder, image: Any, base: int) -> Any:
    x = F.max_pool2d(affine(t, image, 64, kernel=7, stride=2), 3, 2, 1)
    for factor in (1, 2, 4):
        x = mean([F.max_pool2d(tip, 2) for tip in columns(t, x, factor * base, 4, affine)])
    return t.linear(t.average(mean(columns(t, x, 8 * base, 4, affine))), 1000)


def test_counts() -> None:
    same_counts("fractalnet20", partial(fractalnet, count=3, base=64))
    same_counts("cifar10_fractalnet40_fullwidth", partial(fractalnet, count=4, base=64))
    same_counts("fractalnet34", partial(fractalnet34, base=128))


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_function(count: int) -> None:
    model = built("cifar10_fractalnet40_fullwidth", base=4, columns=count)
    same_in_both_modes(model, partial(fractalnet, count=count, base=4), noise(2, 3, 32, 32))


def test_function_of_fractalnet34() -> None:
    same_in_both_modes(built("fractalnet34", base=4), partial(fractalnet34, base=4), noise(2, 3, 64, 64))
