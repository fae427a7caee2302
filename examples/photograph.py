"""Loads a photograph as input of a network, and shows feature maps on a terminal."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.text import Text
from sklearn.datasets import load_sample_image

_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)  # ImageNet's mean by channel
_DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
_SHADES = " .:-=+*#%@"


def load_photograph(name: str, side: int) -> Image.Image:
    """The central square of `side` pixels of scikit-learn's sample `china.jpg` or `flower.jpg`."""
    photograph = Image.fromarray(load_sample_image(name))
    shorter = min(photograph.size)
    left, top = (photograph.width - shorter) // 2, (photograph.height - shorter) // 2
    return photograph.crop((left, top, left + shorter, top + shorter)).resize((side, side))


def to_tensor(photograph: Image.Image) -> torch.Tensor:
    """The photograph as a batch of one, [1, 3, height, width], normalised as for ImageNet."""
    pixels = torch.from_numpy(np.array(photograph)).permute(2, 0, 1).float() / 255
    return ((pixels - _MEAN) / _DEVIATION).unsqueeze(0)


def mosaic(console: Console, channels: torch.Tensor, columns: int = 22) -> Text:
    """The mean over the channels of [channels, height, width] as grey blocks, or as letters without colours."""
    mean = channels.mean(0, keepdim=True).unsqueeze(0)
    small = torch.nn.functional.adaptive_avg_pool2d(mean, (columns, columns))[0, 0]
    levels = (small - small.min()) / (small.max() - small.min() + 1e-9)
    rows = [row.tolist() for row in levels]
    text = Text()
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            text.append(*_cell(above, below, colours=console.color_system is not None))
        text.append("\n")
    text.rstrip()
    return text


def _cell(above: float, below: float, *, colours: bool) -> tuple[str, str]:
    if not colours:
        return _SHADES[round((above + below) / 2 * (len(_SHADES) - 1))], ""
    top, bottom = round(255 * above), round(255 * below)
    return "▀", f"rgb({top},{top},{top}) on rgb({bottom},{bottom},{bottom})"
