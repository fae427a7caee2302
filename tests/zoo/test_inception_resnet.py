"""The Inception-ResNets of Szegedy et al. 2016, arXiv:1602.07261, from the figures; other tests compare with timm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes, torch

F = torch.nn.functional
Size = int | tuple[int, int]
Step = tuple[Size, int]  # a kernel and a width


@dataclass(frozen=True)
class Figures:
    """The differences between the two networks; each branch has its kernels and widths from the input on."""

    a: tuple[tuple[Step, ...], ...]
    reduction_a: tuple[int, int, int, int]
    b: tuple[tuple[Step, ...], ...]
    reduction_b: tuple[tuple[Step, ...], ...]
    c: tuple[tuple[Step, ...], ...]
    widths: tuple[int, int, int]


V1 = Figures(  # Figures 10, 7, 11, 12, 13
    a=(((1, 32),), ((1, 32), (3, 32)), ((1, 32), (3, 32), (3, 32))),
    reduction_a=(192, 192, 256, 384),
    b=(((1, 128),), ((1, 128), ((1, 7), 128), ((7, 1), 128))),
    reduction_b=(((1, 256), (3, 384)), ((1, 256), (3, 256)), ((1, 256), (3, 256), (3, 256))),
    c=(((1, 192),), ((1, 192), ((1, 3), 192), ((3, 1), 192))),
    widths=(256, 896, 1792),
)
V2 = Figures(  # Figures 16, 7, 17, 18, 19
    a=(((1, 32),), ((1, 32), (3, 32)), ((1, 32), (3, 48), (3, 64))),
    reduction_a=(256, 256, 384, 384),
    b=(((1, 192),), ((1, 128), ((1, 7), 160), ((7, 1), 192))),
    reduction_b=(((1, 256), (3, 384)), ((1, 256), (3, 288)), ((1, 256), (3, 288), (3, 320))),
    c=(((1, 192),), ((1, 192), ((1, 3), 224), ((3, 1), 256))),
    widths=(384, 1152, 2144),
)


class Network:
    """One pass through the network; `forward` is the paper's Figure 15."""

    def __init__(self, tensors: InOrder, figures: Figures, *, sixth: bool = False) -> None:
        self.tensors, self.figures, self.sixth = tensors, figures, sixth

    def conv(self, x: Any, out: int, kernel: Size = 1, **options: Any) -> Any:
        return torch.relu(self.tensors.norm(self.tensors.conv(x, out, kernel, bias=False, **options), 1e-3))

    def valid(self, x: Any, out: int, stride: int = 1) -> Any:
        return self.conv(x, out, 3, stride=stride, padding=0)

    def branch(self, x: Any, steps: tuple[Step, ...]) -> Any:
        for kernel, out in steps:
            x = self.conv(x, out, kernel)
        return x

    def residual(self, x: Any, branches: tuple[tuple[Step, ...], ...], scale: float, *, last: bool = False) -> Any:
        joined = torch.cat([self.branch(x, steps) for steps in branches], dim=1)
        total = self.tensors.conv(joined, x.shape[1]) * scale + x
        return total if last else torch.relu(total)

    def reduce(self, x: Any, branches: tuple[tuple[Step, ...], ...]) -> Any:
        """The last convolution of each branch has stride 2 and no padding."""
        parts = [self.valid(self.branch(x, steps[:-1]), steps[-1][1], 2) for steps in branches]
        return torch.cat([*parts, F.max_pool2d(x, 3, 2)], dim=1)

    def stem_v1(self, image: Any) -> Any:
        """Figure 14."""
        x = self.conv(self.valid(self.valid(image, 32, 2), 32), 64, 3)
        return self.valid(self.valid(self.conv(F.max_pool2d(x, 3, 2), 80), 192), 256, 2)

    def stem_v2(self, image: Any) -> Any:
        """Figure 3, which is Inception-v4's, too."""
        x = self.conv(self.valid(self.valid(image, 32, 2), 32), 64, 3)
        x = torch.cat([F.max_pool2d(x, 3, 2), self.valid(x, 96, 2)], dim=1)
        short = self.valid(self.conv(x, 64), 96)
        long = self.valid(self.branch(x, ((1, 64), ((1, 7), 64), ((7, 1), 64))), 96)
        x = torch.cat([short, long], dim=1)
        return torch.cat([self.valid(x, 192, 2), F.max_pool2d(x, 3, 2)], dim=1)

    def forward(self, image: Any) -> Any:
        figures = self.figures
        x = self.stem_v1(image) if figures is V1 else self.stem_v2(image)
        assert x.shape[1] == figures.widths[0]
        for _ in range(5):
            x = self.residual(x, figures.a, 0.17)
        first, second, third, short = figures.reduction_a  # k, l, m, n of Table 1
        x = self.reduce(x, (((3, short),), ((1, first), (3, second), (3, third))))
        assert x.shape[1] == figures.widths[1]
        for _ in range(10):
            x = self.residual(x, figures.b, 0.1)
        x = self.reduce(x, figures.reduction_b)
        assert x.shape[1] == figures.widths[2]
        for _ in range(5):
            x = self.residual(x, figures.c, 0.2)
        if self.sixth:
            x = self.residual(x, figures.c, 1.0, last=True)
        return self.tensors.linear(self.tensors.average(x), 1000)


@pytest.mark.parametrize(
    ("spec", "figures", "sixth"),
    [
        ("inception_resnet_v1", V1, False),
        pytest.param("inception_resnet_v1_facenet", V1, True, marks=pytest.mark.slow),
        pytest.param("inception_resnet_v2_paper", V2, False, marks=pytest.mark.slow),
    ],
)
def test_inception_resnet(spec: str, figures: Figures, sixth: bool) -> None:
    def reference(tensors: InOrder, image: Any) -> Any:
        return Network(tensors, figures, sixth=sixth).forward(image)

    same_in_both_modes(built(spec), reference, noise(2, 3, 107, 107))
