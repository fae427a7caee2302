"""A Perceiver, and a U-Net that reads an embedding of time."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, silu


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.fc2(gelu(self.fc1(self.norm(x))))
        return made


class _Cross(nn.Module):
    def __init__(self, data: int, width: int, heads: int) -> None:
        super().__init__()
        self.norm_x, self.norm_data, self.keys = nn.LayerNorm(width), nn.LayerNorm(data), nn.Linear(data, width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.end = nn.Module()
        self.end.mlp = _FeedForward(width)

    def forward(self, x: Tensor, data: Tensor) -> Tensor:
        keys = self.keys(self.norm_data(data))
        x = x + self.attention(self.norm_x(x), keys, keys, need_weights=False)[0]
        end: Any = self.end
        made: Tensor = x + end.mlp(x)
        return made


class _Itself(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(width), _FeedForward(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        made: Tensor = x + self.mlp(x)
        return made


class Perceiver(nn.Module):
    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 8, width))
        self.cross, self.tower = _Cross(12, width, heads), nn.Sequential(_Itself(width, heads), _Itself(width, heads))
        self.head = nn.Linear(width, 5)

    def forward(self, data: Tensor) -> Tensor:
        x = self.table.expand(data.shape[0], -1, -1)
        for _ in range(3):
            x = self.tower(self.cross(x, data))
        made: Tensor = self.head(x.mean(1))
        return made


class _Residual(nn.Module):
    def __init__(self, inputs: int, width: int, embedding: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, width, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, width))
        self.out_layers = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        self.skip = nn.Module()
        self.skip.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1)) if inputs != width else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        made = self.out_layers(self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None])
        skip: Any = self.skip
        total: Tensor = made + skip.shortcut(x)
        return total


class _SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.mixed = nn.GroupNorm(8, width), nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        places = self.norm(x).flatten(2).transpose(1, 2)
        mixed = self.mixed(places, places, places, need_weights=False)[0]
        made: Tensor = mixed.transpose(1, 2).reshape(x.shape) + x
        return made


class DiffusionUNet(nn.Module):
    def __init__(self, base: int = 16) -> None:
        super().__init__()
        self.base, embedding = base, 4 * base
        self.time_embed = nn.ModuleDict({"0": nn.Linear(base, embedding), "2": nn.Linear(embedding, embedding)})
        self.conv_in = nn.Conv2d(3, base, 3, padding=1)
        self.down1, self.down2 = _Residual(base, base, embedding), _Residual(base, 2 * base, embedding)
        self.downsample = nn.Conv2d(base, base, 3, 2, 1)
        self.attention1, self.middle = _SelfAttention(2 * base), _Residual(2 * base, 2 * base, embedding)
        self.up2, self.up1 = _Residual(4 * base, 2 * base, embedding), _Residual(3 * base, base, embedding)
        self.larger = nn.Module()
        self.larger.conv = nn.Conv2d(2 * base, 2 * base, 3, padding=1)
        self.out = nn.Sequential(nn.GroupNorm(8, base), nn.SiLU(), nn.Conv2d(base, 3, 3, padding=1))

    def _embed(self, time: Tensor) -> Tensor:
        rates = torch.exp(torch.arange(0, self.base, 2).float() * (-math.log(10000.0) / self.base))
        angles = time.float() * rates
        rows = torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
        made: Tensor = self.time_embed["2"](silu(self.time_embed["0"](rows)))
        return made

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        embedding = self._embed(time)
        first = self.down1(self.conv_in(image), embedding)
        second = self.attention1(self.down2(self.downsample(first), embedding))
        x = self.up2(torch.cat([self.middle(second, embedding), second], 1), embedding)
        larger: Any = self.larger
        x = larger.conv(interpolate(x, scale_factor=2))
        made: Tensor = self.out(self.up1(torch.cat([x, first], 1), embedding))
        return made
