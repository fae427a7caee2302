"""Networks of images: their units, pyramids and heads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, scaled_dot_product_attention, silu


def _normed(inputs: int, width: int, kernel: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, width, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


class _Select(nn.Module):
    def __init__(self, width: int, ratio: int = 4) -> None:
        super().__init__()
        self.small, self.large = _normed(width, width, 3), _normed(width, width, 3, dilation=2)
        self.squeezed = nn.Module()
        self.squeezed.fc_reduce = nn.Conv2d(width, width // ratio, 1, bias=False)
        self.squeezed.bn = nn.BatchNorm2d(width // ratio)
        self.squeezed.fc_select = nn.Conv2d(width // ratio, 2 * width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        small, large = self.small(x).relu(), self.large(x).relu()
        parts: Any = self.squeezed
        squeezed = parts.bn(parts.fc_reduce((small + large).mean((2, 3), keepdim=True))).relu()
        choice = parts.fc_select(squeezed).view(x.shape[0], 2, -1, 1, 1).softmax(1)
        made: Tensor = small * choice[:, 0] + large * choice[:, 1]
        return made


class SKUnit(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = _normed(16, width), _Select(width), _normed(width, 16)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv3(self.conv2(self.conv1(x).relu()))
        return (made + x).relu()


class _Branches(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.rbr_identity = nn.BatchNorm2d(inputs) if inputs == width and stride == 1 else None
        for name, kernel in (("rbr_dense", 3), ("rbr_1x1", 1)):
            branch = nn.Module()
            branch.conv = nn.Conv2d(inputs, width, kernel, stride, kernel // 2, bias=False)
            branch.bn = nn.BatchNorm2d(width)
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        parts: Any = self
        made: Tensor = parts.rbr_1x1.bn(parts.rbr_1x1.conv(x))
        dense = parts.rbr_dense.bn(parts.rbr_dense.conv(x))
        total: Tensor = (dense + made) if self.rbr_identity is None else (self.rbr_identity(x) + dense + made)
        return total.relu()


class RepVGG(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage0, inputs = _Branches(3, 8, 2), 8
        for number, (width, depth) in enumerate(((8, 2), (16, 3), (32, 1)), 1):
            widths = [inputs, *(width,) * depth]
            units = [_Branches(widths[turn], width, 2 if turn == 0 else 1) for turn in range(depth)]
            self.add_module(f"stage{number}", nn.Sequential(*units))
            inputs = width
        self.linear = nn.Linear(inputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        parts: Any = self
        made: Tensor = self.linear(parts.stage3(parts.stage2(parts.stage1(self.stage0(x)))).mean((2, 3)))
        return made


class _SpatialReduction(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.proj = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.sr, self.norm = nn.Conv2d(width, width, reduction, reduction), nn.LayerNorm(width)

    def forward(self, x: Tensor, side: int) -> Tensor:
        batch, places, width = x.shape
        image = self.sr(x.transpose(1, 2).reshape(batch, width, side, side))
        k, v = self.kv(self.norm(image.flatten(2).transpose(1, 2))).chunk(2, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q(x), k, v))
        made: Tensor = self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, places, width))
        return made


class _PyramidUnit(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(width), _SpatialReduction(width, 2, 4), nn.LayerNorm(width)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x), 8)
        mlp: Any = self.mlp
        made: Tensor = x + mlp.fc2(nn.functional.gelu(mlp.fc1(self.norm2(x))))
        return made


class PVTStage(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj, self.patch_embed.norm = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width)
        self.pos_embed = nn.Parameter(torch.randn(1, 64, width))
        self.blocks = nn.Sequential(_PyramidUnit(width), _PyramidUnit(width))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        patches: Any = self.patch_embed
        tokens = patches.norm(patches.proj(x).flatten(2).transpose(1, 2)) + self.pos_embed
        made: Tensor = self.norm(self.blocks(tokens))
        return made


class _Pyramid(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.stages = nn.ModuleDict()
        for number, bins in enumerate((1, 2, 3, 6), 1):
            pooled = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(bins), *_normed(width, width // 4), nn.ReLU())
            self.stages[str(number)] = pooled
        self.bottleneck = nn.Sequential(*_normed(2 * width, width, 3), nn.ReLU(), nn.Dropout2d(0.1))

    def forward(self, x: Tensor) -> Tensor:
        pooled = [interpolate(stage(x), x.shape[2:], mode="bilinear") for stage in self.stages.values()]
        made: Tensor = self.bottleneck(torch.cat([x, *pooled], 1))
        return made


class PSPNet(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        backbone: Any = nn.Module()
        self.backbone = backbone
        backbone.conv1, backbone.bn1 = nn.Conv2d(3, width // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(width // 2)
        backbone.conv2, backbone.bn2 = nn.Conv2d(width // 2, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width)
        backbone.conv3 = nn.Conv2d(width, width, 3, padding=2, dilation=2, bias=False)
        self.psp, self.classifier = _Pyramid(width), nn.Conv2d(width, 21, 1)

    def forward(self, x: Tensor) -> Tensor:
        backbone: Any = self.backbone
        made = backbone.bn1(backbone.conv1(x)).relu()
        made = backbone.conv3(backbone.bn2(backbone.conv2(made)).relu())
        return interpolate(self.classifier(self.psp(made)), x.shape[2:], mode="bilinear")


class _Fusion(nn.Module):
    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.weights, self.conv = nn.Module(), nn.Module()
        self.weights.learned = nn.Parameter(torch.rand(count))
        self.conv.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.conv.pointwise, self.conv.bn = nn.Conv2d(width, width, 1), nn.BatchNorm2d(width)

    def forward(self, *levels: Tensor) -> Tensor:
        learned: Any = self.weights.learned
        positive = learned.relu()
        weights = positive * (positive.sum() + 1e-4).pow(-1)
        total = levels[0] * weights[0] + levels[1] * weights[1]
        for level, weight in zip(levels[2:], weights[2:], strict=True):
            total = total + level * weight
        conv: Any = self.conv
        made: Tensor = conv.bn(conv.pointwise(conv.depthwise(silu(total))))
        return made


class _BiFPNLayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.td4, self.out3 = _Fusion(width, 2), _Fusion(width, 2)
        self.out4, self.out5 = _Fusion(width, 3), _Fusion(width, 2)

    def forward(self, levels: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        p3, p4, p5 = levels
        middle = self.td4(p4, interpolate(p5, scale_factor=2))
        out3 = self.out3(p3, interpolate(middle, scale_factor=2))
        out4 = self.out4(p4, middle, max_pool2d(out3, 2))
        return out3, out4, self.out5(p5, max_pool2d(out4, 2))


class BiFPN(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(_BiFPNLayer(width), _BiFPNLayer(width))

    def forward(self, *levels: Tensor) -> Any:
        return self.layers(levels)
