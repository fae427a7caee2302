"""Networks with weight norm and with spectral norm."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.parametrizations import spectral_norm, weight_norm


class _Gated(nn.Module):
    def __init__(self, width: int, condition: int, skips: int, dilation: int) -> None:
        super().__init__()
        self.dilated = weight_norm(nn.Conv1d(width, 2 * width, 3, dilation=dilation))
        self.local = weight_norm(nn.Conv1d(condition, 2 * width, 1, bias=False))
        self.residual = weight_norm(nn.Conv1d(width, width, 1))
        self.skip = weight_norm(nn.Conv1d(width, skips, 1))
        self.past = 2 * dilation

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        signal, gate = (self.dilated(pad(x, (self.past, 0))) + self.local(condition)).chunk(2, 1)
        product = signal.tanh() * gate.sigmoid()
        return self.residual(product) + x, self.skip(product)


class WaveNet(nn.Module):
    def __init__(self, width: int = 12, skips: int = 20, mel: int = 10) -> None:
        super().__init__()
        self.upsampling = nn.Sequential(
            OrderedDict[str, nn.Module](
                up1=weight_norm(nn.ConvTranspose1d(mel, mel, 2, 2)),
                act1=nn.LeakyReLU(0.4),
                up2=weight_norm(nn.ConvTranspose1d(mel, mel, 2, 2)),
                act2=nn.LeakyReLU(0.4),
            )
        )
        self.front = weight_norm(nn.Conv1d(1, width, 1))
        self.units = nn.ModuleList(_Gated(width, mel, skips, 2 ** (index % 3)) for index in range(6))
        self.out = nn.Sequential(
            OrderedDict[str, nn.Module](
                act1=nn.ReLU(),
                conv1=weight_norm(nn.Conv1d(skips, skips, 1)),
                act2=nn.ReLU(),
                conv2=weight_norm(nn.Conv1d(skips, 256, 1)),
            )
        )

    def forward(self, audio: Tensor, mel: Tensor) -> Tensor:
        condition, x, total = self.upsampling(mel), self.front(audio), None
        for unit in self.units:
            x, skip = unit(x, condition)
            total = skip if total is None else total + skip
        made: Tensor = self.out(total)
        return made


def _normed(inputs: int, width: int, kernel: int = 3) -> Any:
    return spectral_norm(nn.Conv2d(inputs, width, kernel, padding=kernel // 2))


class _First(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c1, self.c2 = _normed(3, width), _normed(width, width)
        self.c_sc = _normed(3, width, 1)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.pool(self.c2(self.c1(x).relu())) + self.c_sc(self.pool(x))
        return made


class _Unit(nn.Module):
    def __init__(self, width: int, *, down: bool) -> None:
        super().__init__()
        self.c1, self.c2 = _normed(width, width), _normed(width, width)
        self.pool = nn.AvgPool2d(2) if down else nn.Identity()
        self.shortcut: Any = nn.Module() if down else None
        if self.shortcut is not None:
            self.shortcut.c_sc = _normed(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.shortcut is None else self.pool(self.shortcut.c_sc(x))
        made: Tensor = self.pool(self.c2(self.c1(x.relu()).relu())) + short
        return made


class Discriminator(nn.Module):
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.block1 = _First(width)
        self.block2 = _Unit(width, down=True)
        self.block3, self.block4 = _Unit(width, down=False), _Unit(width, down=False)
        self.l5 = spectral_norm(nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.l5(self.block4(self.block3(self.block2(self.block1(x)))).relu().sum((2, 3)))
        return made
