"""Makes the model that a source names, and finds the sizes of its input."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archspec.codegen.fx.export import quiet_exporters
from archspec.codegen.fx.reference_models import ReferenceModelError, make_reference
from archspec.printable import shorten_text

_TORCHVISION = {"inception_v3": (3, 299, 299)}
_LARGE_VIDEOS = ("mvit", "swin3d", "s3d")


def make_model(
    source: str, arguments: Mapping[str, Any] | None = None, making: AbstractContextManager[object] | None = None
) -> nn.Module:
    """The model of a source: an exported program for a file `.pt2`, else that of `make_reference`, made in a context.

    Raises:
        ReferenceModelError: it cannot be made or read.
    """
    if not source.endswith(".pt2"):
        return make_reference(source, arguments, making)
    if not Path(source).is_file():
        raise ReferenceModelError(f"there is no file {shorten_text(source, 200)}")
    try:
        with quiet_exporters():
            return torch.export.load(source).module(check_guards=False)
    except Exception as fault:  # what torch raises for a file that is no program has no type of its own
        raise ReferenceModelError(
            f"{shorten_text(source, 200)} is no exported program: {type(fault).__name__}: {shorten_text(str(fault), 200)}"
        ) from fault


def find_input_shape(model: nn.Module, source: str) -> tuple[tuple[int, ...], ...]:
    """The sizes of the input that a model's library gives it, without the batch; empty if there are none."""
    place, _, name = source.rpartition(":")
    if place == "torchvision":
        return _find_torchvision_inputs(model, name.lower())
    config = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None)
    given = config.get("input_size") if isinstance(config, Mapping) else None
    return (tuple(given),) if given else ()


def _find_torchvision_inputs(model: nn.Module, name: str) -> tuple[tuple[int, ...], ...]:
    """The sizes of an image, of a video of 16 frames, or of an image and the regions that a detector of two stages cuts out."""
    if type(model).__module__.startswith("torchvision.models.video"):
        size = 224 if name.startswith(_LARGE_VIDEOS) else 112
        return ((3, 16, size, size),)
    image = _TORCHVISION.get(name, (3, 224, 224))
    heads: Any = getattr(model, "roi_heads", None)
    if heads is None:
        return (image,)
    backbone: Any = model.backbone
    return image, (backbone.out_channels, *heads.box_roi_pool.output_size)
