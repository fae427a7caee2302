"""ResNeXt: its three equivalent forms, and the network for CIFAR from Xie et al. 2016 (arXiv:1611.05431)."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

import archspec
from tests.sample import sampled
from tests.zoo.full_size import same_counts
from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes

torch = pytest.importorskip("torch")

TOLERANCE = 1e-12
SHORT = {"depth1": 2, "depth2": 1, "depth3": 1, "depth4": 1}
PATH = re.compile(r"(?P<scope>.*)\.path(?P<number>\d+)\.(?P<layer>\w+)\.(?P<tensor>\w+)")


def by_paths(state: dict[str, Any], keys: list[str], groups: int) -> dict[str, Any]:
    """The tensors of form (c) converted to the forms with paths.

    A path has its rows of the first two convolutions and their normalisations, and its columns of the third convolution.
    """
    result = {}
    for key in keys:
        found = PATH.fullmatch(key)
        if found is None:
            result[key] = state[key]
            continue
        whole = state[f"{found['scope']}.{found['layer']}.{found['tensor']}"]
        axis = 1 if found["layer"] == "conv3" else 0
        result[key] = whole.chunk(groups, dim=axis)[int(found["number"]) - 1] if whole.ndim else whole
    return result


@pytest.mark.parametrize("groups", sampled([1, 4, 32], {1, 4}))
@pytest.mark.parametrize("form", ["a", "b"])
def test_forms(form: str, groups: int) -> None:
    """Equal functions in float64, in eval and in train mode; the difference is taken relative to the deviation of the outputs."""
    arguments = {"groups": groups, **SHORT}
    one = built("resnext50_32x4d", **arguments)
    other = built(f"resnext50_32x4d_{form}", **arguments)
    other.load_state_dict(by_paths(one.state_dict(), list(other.state_dict()), groups), strict=True)
    image = noise(2, 3, 64, 64)
    for training in (False, True):
        with torch.no_grad():
            expected, got = one.train(training)(image), other.train(training)(image)
        assert (got - expected).abs().max() <= TOLERANCE * expected.std()


@pytest.mark.parametrize("form", ["a", "b"])
def test_counts_of_forms(form: str) -> None:
    grouped, paths = archspec.load("resnext50_32x4d"), archspec.load(f"resnext50_32x4d_{form}")
    for count in ("params", "macs", "depth"):
        assert getattr(paths, count) == getattr(grouped, count)
    assert (
        paths.paths().total == 33**16
    )  # 32 paths and a skip connection in each of 16 units; a grouped convolution is one path
    assert grouped.paths().total == 2**16


def unit(t: InOrder, x: Any, width: int, out: int, groups: int, stride: int) -> Any:
    """Figure 3(c)."""
    value = torch.relu(t.norm(t.conv(x, width, bias=False), 1e-5))
    value = torch.relu(t.norm(t.conv(value, width, 3, bias=False, groups=groups, stride=stride), 1e-5))
    value = t.norm(t.conv(value, out, bias=False), 1e-5)
    shortcut = x if x.shape[1] == out else t.norm(t.conv(x, out, bias=False, stride=stride), 1e-5)
    return torch.relu(value + shortcut)


def resnext29(t: InOrder, image: Any, groups: int, width: int) -> Any:
    """Section 5.3: three stages of three units; the width doubles when the size is halved."""
    x = torch.relu(t.norm(t.conv(image, 64, 3, bias=False), 1e-5))
    for stage in range(3):
        for number in range(3):
            stride = 2 if stage and not number else 1
            x = unit(t, x, groups * width << stage, 256 << stage, groups, stride)
    return t.linear(t.average(x), 10)


MEMBERS = {"8x64d": (8, 64), "16x64d": (16, 64), "1x64d": (1, 64), "32x4d": (32, 4)}


@pytest.mark.parametrize("member", sampled(MEMBERS, {"1x64d", "32x4d"}))
def test_counts_for_cifar(member: str) -> None:
    groups, width = MEMBERS[member]
    same_counts(f"cifar10_resnext29_{member}", partial(resnext29, groups=groups, width=width))


def test_function_for_cifar() -> None:
    model = built("cifar10_resnext29_8x64d", groups=8, base=4)
    same_in_both_modes(model, partial(resnext29, groups=8, width=4), noise(2, 3, 32, 32))
