"""Models of PyTorch as users write them, each with the sizes of its input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class LeNet(nn.Module):
    """Layers of functions between modules."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2 = nn.Linear(400, 120), nn.Linear(120, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.dropout(functional.relu(self.fc1(torch.flatten(x, 1))), 0.3, self.training)
        return self.fc2(x)


class UNet(nn.Module):
    """Skip connections by concatenation, and a module that is called through a list."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)])
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ModuleList([nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)])
        self.merge = nn.ModuleList([nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)])

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for conv in self.down:
            x = conv(x).relu()
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.middle(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(kept), strict=True):
            x = merge(torch.cat([skip, up(x)], dim=1))
        return x


class Bridge(nn.Module):
    """A graph that is not series-parallel: a Wheatstone bridge."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(3, 3, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.a(x), self.b(x)
        return (left + self.c(right)) * right + left


class ResidualDropout(nn.Module):
    """A dropout that evaluation leaves out, beside the value that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.drop = nn.Linear(8, 8), nn.Dropout(0.4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        return x + self.drop(x)


class Gate(nn.Module):
    """Squeeze and excitation by a mean, and a gate on the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.reduce, self.expand = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        squeezed = x.mean((2, 3), keepdim=True)
        gate = self.expand(functional.silu(self.reduce(squeezed)))
        return x * (gate.sigmoid() * functional.hardsigmoid(gate)) + 1


class Turns(nn.Module):
    """Two lists whose modules are called in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1, bias=False) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = x.chunk(4, dim=1)
        parts = [first]
        value = torch.cat([first, *others], 1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            value = functional.relu(norm(conv(value)), inplace=True)
            parts.append(value[:, 1:2])
        return torch.cat(parts, 1)


class ChannelsLast(nn.Module):
    """ConvNeXt's block: channels last, a layer scale, a sum in place."""

    def __init__(self) -> None:
        super().__init__()
        self.dwconv, self.norm = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8)
        self.fc1, self.fc2 = nn.Linear(8, 32), nn.Linear(32, 8)
        self.gamma = nn.Parameter(torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.fc2(functional.gelu(self.fc1(y)))
        y = y.permute(0, 3, 1, 2)
        y += x
        return y


class Attention(nn.Module):
    """A transformer's block with a class token, positions, and heads by a reshape to queries, keys and values."""

    def __init__(self, width: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.token, self.positions = nn.Parameter(torch.rand(1, 1, width)), nn.Parameter(torch.rand(1, 5, width))
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        y = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, tokens, width)
        return (x + self.proj(y))[:, 0]


class ExplicitAttention(nn.Module):
    """Attention written out, over tokens, with heads."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            own(x).view(x.shape[0], x.shape[1], 2, 4).transpose(1, 2) for own in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(-2, -1) * 0.5).softmax(dim=-1)
        return (weights @ value).transpose(1, 2).reshape(x.shape)


class Pyramid(nn.Module):
    """Pools of several sizes, interpolated back and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(12, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.stem(x), 0.1)
        small = functional.interpolate(
            functional.adaptive_avg_pool2d(x, 2), size=x.shape[-2:], mode="bilinear", align_corners=False
        )
        half = functional.interpolate(functional.avg_pool2d(x, 2), scale_factor=2)
        return self.head(torch.cat((x, small, half), 1)).amax(dim=(2, 3))


class Shuffled(nn.Module):
    """ShuffleNet's unit: a split, depthwise convolutions, and a shuffle of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.BatchNorm2d(4), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1)
        x = torch.cat((left, self.branch(right)), dim=1)
        batch, channels, height, width = x.shape
        return (
            x.view(batch, 2, channels // 2, height, width)
            .transpose(1, 2)
            .contiguous()
            .view(batch, channels, height, width)
        )


class Siamese(nn.Module):
    """A trunk of several layers and a single layer, both used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head, self.norm = nn.Linear(4, 3), nn.LayerNorm(3)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.split(2, dim=1)
        first, second = self.trunk(left), self.trunk(right)
        first, second = self.head(first.mean((2, 3))), self.head(second.amax((2, 3)))
        return self.norm(first) * self.norm(second)


class Windows(nn.Module):
    """Attention in windows of a rolled image, with biases by relative position and a mask that is made in each pass (Swin)."""

    index: Tensor

    def __init__(self, width: int = 8, heads: int = 2, size: int = 2) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.rand((2 * size - 1) ** 2, heads))
        places = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
        apart = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0) + size - 1
        self.register_buffer("index", (apart[..., 0] * (2 * size - 1) + apart[..., 1]).flatten())

    def cut(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        x = x.view(batch, height // self.size, self.size, width // self.size, self.size, channels)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, self.size**2, channels)

    def make_mask(self, x: Tensor) -> Tensor:
        parts = x.new_zeros((1, *x.shape[1:3], 1))
        ends = (slice(0, -self.size), slice(-self.size, -1), slice(-1, None))
        for number, (rows, columns) in enumerate((rows, columns) for rows in ends for columns in ends):
            parts[:, rows, columns] = number
        parts = self.cut(parts).squeeze(-1)
        apart = parts.unsqueeze(1) - parts.unsqueeze(2)
        return apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        batch, height, width, channels = x.shape
        windows = self.cut(torch.roll(x, (-1, -1), (1, 2)))
        count, places = windows.shape[:2]
        qkv = self.qkv(windows).reshape(count, places, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4)
        scores = qkv[0] @ qkv[1].transpose(-2, -1) / 3
        scores = scores + self.table[self.index].view(places, places, -1).permute(2, 0, 1).unsqueeze(0)
        scores = scores.view(batch, -1, self.heads, places, places) + self.make_mask(x).unsqueeze(1).unsqueeze(0)
        y = scores.view(-1, self.heads, places, places).softmax(-1) @ qkv[2]
        y = self.proj(y.transpose(1, 2).reshape(count, places, channels))
        y = y.view(batch, height // self.size, width // self.size, self.size, self.size, channels)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)
        return (x + torch.roll(y, (1, 1), (1, 2))).permute(0, 3, 1, 2)


class Merging(nn.Module):
    """Every other place of an image as channels, and a division by the size of the features (global response)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.reduce = nn.LayerNorm(8), nn.Linear(8, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        parts = [x[:, row::2, column::2] for column in range(2) for row in range(2)]
        x = self.reduce(self.norm(torch.cat(parts, -1)))
        size = x.norm(p=2, dim=(1, 2), keepdim=True)
        return x * (size / (size.mean(-1, keepdim=True) + 1e-6)) / 3


class Tied(nn.Module):
    """A language model that reads and writes with one table, whose attention is einsums with a causal mask."""

    def __init__(self, vocabulary: int = 11, width: int = 8, tokens: int = 6) -> None:
        super().__init__()
        self.table, self.positions = (
            nn.Parameter(torch.rand(vocabulary, width)),
            nn.Parameter(torch.rand(tokens, width)),
        )
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = functional.embedding(tokens, self.table) + self.positions
        scores = torch.einsum("b i d, b j d -> b i j", x, self.key(x))
        hidden = torch.full((x.shape[1], x.shape[1]), float("-inf"), device=x.device).triu(1)
        x = x + torch.einsum("b i j, b j d -> b i d", (scores + hidden).softmax(-1), self.value(x))
        return x @ self.table.T


MODELS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "lenet": (LeNet, (1, 28, 28)),
    "unet": (UNet, (3, 16, 16)),
    "bridge": (Bridge, (3, 5, 5)),
    "residual_dropout": (ResidualDropout, (8,)),
    "gate": (Gate, (3, 9, 9)),
    "turns": (Turns, (4, 6, 6)),
    "channels_last": (ChannelsLast, (8, 7, 7)),
    "attention": (Attention, (3, 8, 8)),
    "explicit_attention": (ExplicitAttention, (6, 8)),
    "pyramid": (Pyramid, (3, 16, 16)),
    "siamese": (Siamese, (4, 6, 6)),
    "shuffled": (Shuffled, (8, 6, 6)),
    "windows": (Windows, (8, 4, 6)),
    "merging": (Merging, (2, 6, 4)),
    "tied": (Tied, (6,)),
}
