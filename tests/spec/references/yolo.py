"""YOLOv5, release 6 (Jocher 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Conv(nn.Module):
    def __init__(self, inputs: int, width: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, kernel, stride, (kernel - 1) // 2, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=0.001, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(self.bn(self.conv(x)))


class _Bottleneck(nn.Module):
    def __init__(self, width: int, *, skip: bool) -> None:
        super().__init__()
        self.cv1, self.cv2, self.skip = _Conv(width, width), _Conv(width, width, 3), skip

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.cv2(self.cv1(x))
        return x + made if self.skip else made


class _C3(nn.Module):
    def __init__(self, inputs: int, width: int, depth: int = 1, *, skip: bool = True) -> None:
        super().__init__()
        self.cv1, self.cv2, self.cv3 = _Conv(inputs, width // 2), _Conv(inputs, width // 2), _Conv(width, width)
        self.m = nn.Sequential(*(_Bottleneck(width // 2, skip=skip) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], 1))
        return made


class _SPPF(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.cv1, self.cv2, self.pool = _Conv(width, width // 2), _Conv(2 * width, width), nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.cv1(x)]
        for _ in range(3):
            levels.append(self.pool(levels[-1]))
        made: Tensor = self.cv2(torch.cat(levels, 1))
        return made


class YOLOv5(nn.Module):
    def __init__(self, base: int = 8) -> None:
        super().__init__()
        b2, b4, b8, b16 = (base * factor for factor in (2, 4, 8, 16))
        first = [_Conv(3, base, 6, 2), _Conv(base, b2, 3, 2), _C3(b2, b2), _Conv(b2, b4, 3, 2), _C3(b4, b4, 2)]
        second = [_Conv(b4, b8, 3, 2), _C3(b8, b8, 3), _Conv(b8, b16, 3, 2), _C3(b16, b16), _SPPF(b16), _Conv(b16, b8)]
        up = [nn.Upsample(scale_factor=2), nn.Identity(), _C3(b16, b8, skip=False), _Conv(b8, b4)]
        again = [nn.Upsample(scale_factor=2), nn.Identity(), _C3(b8, b4, skip=False), _Conv(b4, b4, 3, 2)]
        down = [nn.Identity(), _C3(b8, b8, skip=False), _Conv(b8, b8, 3, 2), nn.Identity(), _C3(b16, b16, skip=False)]
        heads = nn.Module()
        heads.m = nn.ModuleList(nn.Conv2d(width, 255, 1) for width in (b4, b8, b16))
        self.model = nn.ModuleList([*first, *second, *up, *again, *down, heads])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        joined = {12: 6, 16: 4, 19: 14, 22: 10}
        made: list[Tensor] = []
        for number, part in enumerate(self.model[:24]):
            x = torch.cat([x, made[joined[number]]], 1) if number in joined else part(x)
            made.append(x)
        heads: Any = self.model[24]
        return tuple(head(made[place]) for head, place in zip(heads.m, (17, 20, 23), strict=True))
