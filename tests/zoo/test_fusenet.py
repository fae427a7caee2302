"""Deeply-fused nets, written from Wang et al. 2016 (arXiv:1605.07716) and Zhao et al. 2016 (arXiv:1611.07718).

A network has groups of blocks of one kind, at full, half and quarter size; its blocks take one stream or two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import archspec
from tests.sample import sampled
from tests.zoo.full_size import same_counts
from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes

torch = pytest.importorskip("torch")
F = torch.nn.functional

Streams = list[Any]
Block = Callable[[InOrder, Streams, int, int], Streams]
"""The tensors, the streams, the width of the output and the stride."""


def conv(t: InOrder, x: Any, out: int, kernel: int = 3, stride: int = 1) -> Any:
    return t.norm(t.conv(x, out, kernel, stride=stride, bias=False), 1e-5)


def two(t: InOrder, x: Any, out: int, stride: int) -> Any:
    return conv(t, torch.relu(conv(t, x, out, stride=stride)), out)


def zero(t: InOrder, x: Any, out: int, stride: int) -> Any:
    return x if x.shape[1] == out else conv(t, x, out, 1, stride)


def plain(t: InOrder, streams: Streams, out: int, stride: int) -> Streams:
    return [torch.relu(two(t, streams[0], out, stride))]


def residual(t: InOrder, streams: Streams, out: int, stride: int) -> Streams:
    (x,) = streams
    return [torch.relu(zero(t, x, out, stride) + two(t, x, out, stride))]


def inception_like(t: InOrder, streams: Streams, out: int, stride: int) -> Streams:
    (x,) = streams
    return [torch.relu(zero(t, x, out, stride) + two(t, x, out, stride) + two(t, x, out, stride))]


def without_identity(t: InOrder, streams: Streams, out: int, stride: int) -> Streams:
    (x,) = streams
    return [torch.relu(two(t, x, out, stride) + two(t, x, out, stride))]


def merge_and_run(t: InOrder, streams: Streams, out: int, stride: int) -> Streams:
    x, y = streams
    merged = (zero(t, x, out, stride) + zero(t, y, out, stride)) / 2
    return [torch.relu(merged + two(t, x, out, stride)), torch.relu(merged + two(t, y, out, stride))]


def merge_and_sum(t: InOrder, streams: Streams, out: int, stride: int) -> Streams:
    """The last block of a merge-and-run network: the streams end in one sum."""
    x, y = streams
    merged = (zero(t, x, out, stride) + zero(t, y, out, stride)) / 2
    return [torch.relu(merged + two(t, x, out, stride) + two(t, y, out, stride))]


def stem(t: InOrder, image: Any, base: int) -> Any:
    return torch.relu(conv(t, image, base))


def network(t: InOrder, image: Any, *, block: Block, blocks: int, base: int = 16, last: Block | None = None) -> Any:
    """Three groups of `blocks` blocks; with another kind of `last` block there are two streams before it."""
    streams = [stem(t, image, base)] * (1 if last is None else 2)
    for group in range(3):
        for place in range(blocks):
            kind = last if last is not None and (group, place) == (2, blocks - 1) else block
            streams = kind(t, streams, base << group, 2 if group and not place else 1)
    (x,) = streams
    return t.linear(t.average(x), 10)


def deeply_fused(t: InOrder, image: Any, *, blocks: int, length: int, base: int = 16) -> Any:
    """Equation 1 of Wang et al.: a shallow network and `length` layers of a deep one are summed, in each of the blocks.

    The shallow one is a convolution in the first block and where the channels change, and the identity elsewhere.
    """
    x = stem(t, image, base)
    for number in range(3 * blocks):
        group, place = divmod(number, blocks)
        stride = 2 if group and not place else 1
        line = conv(t, x, base << group, stride=stride) if number == 0 or stride == 2 else x
        for layer in range(length):
            x = conv(t, torch.relu(x) if layer else x, base << group, stride=1 if layer else stride)
        x = torch.relu(line + x)
    return t.linear(t.average(x), 10)


def bottleneck(t: InOrder, x: Any, out: int, stride: int) -> Any:
    x = torch.relu(conv(t, x, out // 4, 1))
    return conv(t, torch.relu(conv(t, x, out // 4, stride=stride)), out, 1)


def imagenet(t: InOrder, image: Any, *, blocks: tuple[int, ...], streams: int, base: int = 64) -> Any:
    """The release's networks for ImageNet, without skip connection or merge where the channels change."""
    x = F.max_pool2d(t.conv(image, base, 7, stride=2, bias=False), 3, 2, 1)
    tips = [x] * streams
    for group, count in enumerate(blocks):
        out = 4 * base << group
        tips = [torch.relu(bottleneck(t, tip, out, 2 if group else 1)) for tip in tips]
        for _ in range(count - 1):
            merged = (tips[0] + tips[1]) / 2 if streams == 2 else tips[0]
            tips = [torch.relu(merged + bottleneck(t, tip, out, 1)) for tip in tips]
    return t.linear(t.average(torch.cat(tips, dim=1)), 1000)


dmrnet = partial(network, block=merge_and_run, last=merge_and_sum)
MEMBERS: dict[str, Callable[..., Any]] = {
    "fusenet_plain_d26": partial(network, block=plain, blocks=4),
    "fusenet_resnet_d26": partial(network, block=residual, blocks=4),
    "fusenet_resnet_d110": partial(network, block=residual, blocks=18),
    "dilnet_d14": partial(network, block=inception_like, blocks=2),
    "dilnet_d56": partial(network, block=inception_like, blocks=9),
    "dilnet_noidentity_d14": partial(network, block=without_identity, blocks=2),
    "dmrnet_d14": partial(dmrnet, blocks=2),
    "dmrnet_d56": partial(dmrnet, blocks=9),
    "dmrnet_wide_d32": partial(dmrnet, blocks=5, base=64),
    "dmrnet_wide_d50": partial(dmrnet, blocks=8, base=64),
    "deeply_fused_3_d26": partial(deeply_fused, blocks=1, length=8),
    "deeply_fused_6_d26": partial(deeply_fused, blocks=2, length=4),
    "fusenet_resnet98_imagenet": partial(imagenet, blocks=(2, 4, 22, 4), streams=1),
    "dmrnet_imagenet_d50": partial(imagenet, blocks=(1, 2, 11, 2), streams=2),
}


QUICK = {
    "fusenet_plain_d26",
    "fusenet_resnet_d26",
    "dilnet_d14",
    "dilnet_noidentity_d14",
    "dmrnet_d14",
    "deeply_fused_3_d26",
}


@pytest.mark.parametrize("spec", sampled(MEMBERS, QUICK))
def test_counts(spec: str) -> None:
    same_counts(spec, MEMBERS[spec])


@pytest.mark.parametrize("spec", sampled(MEMBERS, {*QUICK, "dmrnet_imagenet_d50"}))
def test_function(spec: str) -> None:
    size = 64 if "imagenet" in spec else 32
    same_in_both_modes(built(spec, base=4), partial(MEMBERS[spec], base=4), noise(2, 3, size, size))


@pytest.mark.parametrize(("spec", "blocks"), [("dmrnet_d14", 6), ("dmrnet_d56", 27), ("dmrnet_wide_d32", 15)])
def test_paths_of_merge_and_run(spec: str, blocks: int) -> None:
    """Two streams of (p, q) paths become (2p + q, p + 2q), and the last block sums both."""
    assert archspec.load(spec).paths().total == 3 ** (blocks - 1) * 4
