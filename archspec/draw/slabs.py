"""Draws boxes to the scale of what they produce: higher for a finer resolution, wider for more channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import log2, sqrt

from archspec.draw.picture import Box
from archspec.ir.shape import Shape

SCALE_NOTE = "height: square root of the resolution; width: logarithm of the channels"
"""The law of the sizes, for the legend."""
_HIGHEST = 130.0  # points: the height of the finest resolution
_LEAST = 4.0
_STEP = 4.0  # points of width for each doubling of the channels


def scale_boxes(boxes: Iterable[Box], shapes: Mapping[str, Shape]) -> list[Box]:
    """The boxes as slabs, by the shapes of the values that they produce."""
    finest = max(map(measure_resolution, shapes.values()))
    slabs = {id: _measure_slab(shape, finest) for id, shape in shapes.items()}
    widest = max(width for width, _ in slabs.values())
    return [replace(box, slab=slabs[box.id], caption_start=widest / 2, least=0.0) for box in boxes]


def _measure_slab(shape: Shape, finest: float) -> tuple[float, float]:
    height = _HIGHEST * sqrt(measure_resolution(shape) / finest)
    return round(_STEP * (1 + log2(count_channels(shape))), 1), round(max(height, _LEAST), 1)


def measure_resolution(shape: Shape) -> float:
    """The side of a square (or cube) with as many places as a value has: 14 for 14×14 pixels and for 196 tokens.

    >>> from archspec.ir.shape import Shape
    >>> measure_resolution(Shape.of(64, 16, 4)), measure_resolution(Shape.of(10))
    (8.0, 1.0)
    """
    places = shape.numel // count_channels(shape)
    return float(places ** (1 / max(len(shape.places), 2)))


def count_channels(shape: Shape) -> int:
    """The number of channels or features of a value."""
    return shape.channels if shape.channel_axis is not None else 1
