"""Fits a picture to the place where it is printed or shown: a column or the width of a page, or a slide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import floor

from archspec.draw.compose import MARGIN, compose_scene
from archspec.draw.densities import iter_densities, narrow_picture, order_breadths
from archspec.draw.layout import compute_layout
from archspec.draw.media import LEAST_TYPE, MEDIA, Medium
from archspec.draw.picture import SMALL, DrawError, Picture
from archspec.draw.scene import Scene, Text
from archspec.draw.theme import Theme

_MOST_COLUMNS = 8
_MOST_NARROW = 60  # boxes that are put below each other
_GAP = 10.0  # points: the least room beside a box
_LARGER = (1.0, 0.9, 0.82, 0.76, LEAST_TYPE / SMALL)  # the sizes for which rows of frames are tried


def compose_picture(picture: Picture, theme: Theme) -> Scene:
    """The scene of a picture, fitted to its medium if it has one. Raises `DrawError` if type would be too small there.

    Of ever less text, and of ever fewer boxes side by side where it is too wide, the first that can be read is taken.
    """
    if picture.fit is None:
        return compose_scene(compute_layout(picture), theme)
    medium = MEDIA[picture.fit]
    largest = 0.0
    for variant in _iter_variants(picture, theme, medium):
        variant.scale = _find_scale(variant, medium)
        least = min(shape.size for shape in variant.shapes if isinstance(shape, Text)) * variant.scale
        if least >= LEAST_TYPE:
            return variant
        largest = max(largest, least)
    advice = ["try --fit page"] if picture.fit == "column" else []
    if picture.detail != "stages":
        advice.append("draw less of the network, e.g. with --detail stages")
    raise DrawError(
        f"{picture.title} does not fit {medium.words}: its type would have {floor(10 * largest) / 10:g} points, less than {LEAST_TYPE:g}",
        ", or ".join(filter(None, (", ".join(advice), "leave --fit out"))),
    )


def _find_scale(scene: Scene, medium: Medium) -> float:
    return min(medium.largest, medium.width / scene.width, medium.height / scene.height)


def _iter_variants(picture: Picture, theme: Theme, medium: Medium) -> Iterator[Scene]:
    """The scenes from the most to the least text, then also with fewer boxes side by side; the first is composed even if it is too large."""
    densities = list(iter_densities(picture))
    for number, density in enumerate(densities):
        if not number or not _is_too_large(density, medium):
            yield _choose_scene(density, theme, medium)
    if len(picture.boxes) > _MOST_NARROW:
        return
    room = _find_room(medium, LEAST_TYPE / SMALL)
    for density in densities:
        for breadth in (1,) if picture.shelf else order_breadths(room):
            narrow = narrow_picture(density, breadth, room)
            if not _is_too_large(narrow, medium):
                yield _choose_scene(narrow, theme, medium)


def _find_room(medium: Medium, scale: float) -> float:
    """The points across for a figure that is printed at this scale."""
    return medium.width / scale - 2 * MARGIN


def _is_too_large(picture: Picture, medium: Medium) -> bool:
    """Whether the boxes and the gaps between them have a larger area than the medium, if the smallest text has the least size."""
    smallest = min((line.size for box in picture.boxes for line in box.lines), default=SMALL)
    area = sum((box.width + _GAP) * (box.height + picture.gap) for box in picture.boxes)
    return area * (LEAST_TYPE / smallest) ** 2 > medium.width * medium.height


def _choose_scene(picture: Picture, theme: Theme, medium: Medium) -> Scene:
    """The scene with the largest type."""
    return max(_iter_wrapped(picture, theme, medium), key=lambda scene: round(_find_scale(scene, medium), 3))


def _iter_wrapped(picture: Picture, theme: Theme, medium: Medium) -> Iterator[Scene]:
    """The scenes of a picture in one column (or row), two, …, up to the shape of the medium; of frames in rows, of wider and wider ones."""
    shelves: Sequence[float] = [_find_room(medium, scale) for scale in _LARGER] if picture.shelf else (0.0,)
    size = 0.0, 0.0
    for number in range(1, _MOST_COLUMNS + 1 if not picture.shelf else 2):
        for shelf in shelves:
            layout = compute_layout(replace(picture, wrap=number, shelf=shelf))
            if (layout.width, layout.height) == size and not shelf:
                return
            size = layout.width, layout.height
            scene = compose_scene(layout, theme, room=medium.width)
            yield scene
        ratio = (scene.width / medium.width) / (scene.height / medium.height)
        if (ratio < 1) if picture.direction == "LR" else (ratio > 1):
            return
