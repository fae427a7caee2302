"""GoogLeNet as published, BN-Inception and Inception-v2, from the papers' tables."""

from __future__ import annotations

from typing import Any

from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes, torch

F = torch.nn.functional

# Szegedy et al. 2014, Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
GOOGLENET = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
# Ioffe and Szegedy 2015, Figure 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pooling and its projection
BN_INCEPTION = {
    "3a": (64, 64, 64, 64, 96, ("avg", 32)),
    "3b": (64, 64, 96, 64, 96, ("avg", 64)),
    "3c": (0, 128, 160, 64, 96, ("max", 0)),
    "4a": (224, 64, 96, 96, 128, ("avg", 128)),
    "4b": (192, 96, 128, 96, 128, ("avg", 128)),
    "4c": (160, 128, 160, 128, 160, ("avg", 128)),
    "4d": (96, 128, 192, 160, 192, ("avg", 128)),
    "4e": (0, 128, 192, 192, 256, ("max", 0)),
    "5a": (352, 192, 320, 160, 224, ("avg", 128)),
    "5b": (352, 192, 320, 192, 224, ("max", 128)),
}


def over_the_end(x: Any) -> Any:
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def googlenet(tensors: InOrder, image: Any, *, heads: bool = False) -> Any:
    def conv(x: Any, out: int, kernel: int = 1, stride: int = 1) -> Any:
        return torch.relu(tensors.conv(x, out, kernel, stride=stride))

    def module(x: Any, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int) -> Any:
        parts = [conv(x, one), conv(conv(x, reduce3), three, 3), conv(conv(x, reduce5), five, 5)]
        return torch.cat([*parts, conv(F.max_pool2d(x, 3, 1, 1), pool)], dim=1)

    def head(x: Any) -> Any:
        x = conv(F.avg_pool2d(x, 5, 3), 128).flatten(1)
        return tensors.linear(torch.relu(tensors.linear(x, 1024)), 1000)

    x = F.local_response_norm(over_the_end(conv(image, 64, 7, 2)), 5)
    x = over_the_end(F.local_response_norm(conv(conv(x, 64), 192, 3), 5))
    after = {}
    for name, widths in GOOGLENET.items():
        x = after[name] = module(over_the_end(x) if name in ("4a", "5a") else x, *widths)
    main = tensors.linear(tensors.average(x), 1000)
    return (main, head(after["4a"]), head(after["4d"])) if heads else main


def test_googlenet() -> None:
    same_in_both_modes(built("googlenet_paper"), googlenet, noise(2, 3, 96, 96))


def test_the_heads_of_googlenet() -> None:
    """On 4a and 4d, of 14×14 places, which the pooling reduces to 4×4, as the heads need."""

    def with_heads(tensors: InOrder, image: Any) -> Any:
        return googlenet(tensors, image, heads=True)

    same_in_both_modes(built("googlenet_paper_aux"), with_heads, noise(1, 3, 224, 224))


def bn_inception(tensors: InOrder, image: Any, *, slim: bool = False) -> Any:
    def conv(x: Any, out: int, kernel: int = 1, stride: int = 1) -> Any:
        x = tensors.conv(x, out, kernel, stride=stride, bias=not slim)
        return torch.relu(tensors.norm(x, 1e-3 if slim else 1e-5))

    def module(x: Any, widths: tuple[Any, ...]) -> Any:
        one, reduce3, three, reduce_double, double, (pooling, projection) = widths
        stride = 1 if projection else 2
        parts = [conv(x, one)] if one else []
        parts.append(conv(conv(x, reduce3), three, 3, stride))
        parts.append(conv(conv(conv(x, reduce_double), double, 3), double, 3, stride))
        if not projection:
            return torch.cat([*parts, F.max_pool2d(x, 3, 2, 1) if slim else over_the_end(x)], dim=1)
        pooled = F.avg_pool2d(x, 3, 1, 1) if pooling == "avg" else F.max_pool2d(x, 3, 1, 1)
        return torch.cat([*parts, conv(pooled, projection)], dim=1)

    if slim:
        x = tensors.conv(image, 24, 7, stride=2, groups=3, bias=False)
        x = torch.relu(tensors.conv(x, 64))
    else:
        x = conv(image, 64, 7, 2)
    x = over_the_end(conv(conv(over_the_end(x), 64), 192, 3))
    for name, widths in BN_INCEPTION.items():
        narrower = slim and name in ("4c", "4d")
        x = module(x, (*widths[:-1], ("avg", 96)) if narrower else widths)
    return tensors.linear(tensors.average(x), 1000)


def test_bn_inception() -> None:
    same_in_both_modes(built("bn_inception"), bn_inception, noise(2, 3, 96, 96))


def test_inception_v2_slim() -> None:
    def slim(tensors: InOrder, image: Any) -> Any:
        return bn_inception(tensors, image, slim=True)

    same_in_both_modes(built("inception_v2_slim"), slim, noise(2, 3, 103, 103))


def test_bn_inception_without_biases() -> None:
    """Section 3.2: a bias before a normalisation has no effect. The paper drops them, the release has 10,016."""
    model = built("bn_inception")
    biases = {key: tensor for key, tensor in model.state_dict().items() if key.endswith("conv.bias")}
    assert sum(tensor.numel() for tensor in biases.values()) == 10_016
    image = noise(2, 3, 64, 64)
    with torch.no_grad():
        before = model.train()(image)
        for tensor in biases.values():
            tensor.zero_()
        torch.testing.assert_close(model(image), before, rtol=1e-9, atol=1e-9)
