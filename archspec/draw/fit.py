"""Fits a picture to the place where it is printed or shown: a column or the width of a page, or a slide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archspec.draw.compose import compose_scene
from archspec.draw.layout import compute_layout
from archspec.draw.media import LEAST_TYPE, MEDIA, Medium
from archspec.draw.picture import Box, DrawError, Line, Picture
from archspec.draw.scene import Scene, Text
from archspec.draw.theme import Theme

_MOST_COLUMNS = 8
_LONG = 16  # characters of a name that is broken
_SHELVES = (320.0, 500.0, 700.0, 900.0, 1200.0)  # points: widths of rows of frames


def compose_picture(picture: Picture, theme: Theme) -> Scene:
    """The scene of a picture, fitted to its medium if it has one. Raises `DrawError` if type would be too small there."""
    if picture.fit is None:
        return compose_scene(compute_layout(picture), theme)
    medium = MEDIA[picture.fit]
    largest = 0.0
    for variant in _iter_densities(picture):
        scenes = list(_iter_wrapped(variant, theme, medium))
        best = max(scenes, key=lambda scene: round(_find_scale(scene, medium), 3))
        best.scale = _find_scale(best, medium)
        least = min(shape.size for shape in best.shapes if isinstance(shape, Text)) * best.scale
        if least >= LEAST_TYPE:
            return best
        largest = max(largest, least)
    raise DrawError(
        f"{picture.title} does not fit {medium.words}: its type would have {largest:.1f} points, less than {LEAST_TYPE:g}",
        f"{'try --fit page, ' if picture.fit == 'column' else ''}draw less of the network, e.g. with --detail stages, or leave --fit out",
    )


def _find_scale(scene: Scene, medium: Medium) -> float:
    return min(medium.largest, medium.width / scene.width, medium.height / scene.height)


def _iter_densities(picture: Picture) -> Iterator[Picture]:
    """The picture with ever less text: without the costs of its boxes, then without what they contain, then without shapes and with long names in two lines."""
    yield picture
    if picture.clusters:
        return
    boxes = tuple(_drop_costs(_shrink_slab(box)) for box in picture.boxes)
    yield replace(picture, boxes=boxes, gap=20.0)
    named = tuple(_drop_contents(_shrink_slab(box)) for box in boxes)
    yield replace(picture, boxes=named, gap=20.0)
    unlabelled = tuple(replace(edge, label="") for edge in picture.edges)
    yield replace(picture, boxes=tuple(map(_break_name, named)), edges=unlabelled, gap=14.0)


def _drop_costs(box: Box) -> Box:
    if box.kind == "ends":
        return box
    return replace(box, lines=tuple(line for line in box.lines if line.style != "faint"), least=0.0)


def _drop_contents(box: Box) -> Box:
    return box if box.kind == "ends" else replace(box, lines=box.lines[:1])


def _break_name(box: Box) -> Box:
    """A box with the two names of a range below each other: `inception4b …` and `inception4d`."""
    first, mark, last = box.lines[0].text.partition(" … ")
    if not mark or len(box.lines) > 1 or len(box.lines[0].text) < _LONG:
        return box
    return replace(box, lines=(Line(f"{first} …", "strong"), replace(box.lines[0], text=last)))


def _shrink_slab(box: Box) -> Box:
    """A box to scale of two thirds of its size; all have the same scale then."""
    return replace(box, slab=(round(box.slab[0] / 1.5, 1), round(box.slab[1] / 1.5, 1))) if box.slab else box


def _iter_wrapped(picture: Picture, theme: Theme, medium: Medium) -> Iterator[Scene]:
    """The scenes of a picture in one column (or row), two, …, up to the shape of the medium; of frames in rows, of wider and wider ones."""
    shelves = _SHELVES if picture.shelf else (0.0,)
    for number in range(1, _MOST_COLUMNS + 1 if not picture.shelf else 2):
        for shelf in shelves:
            layout = compute_layout(replace(picture, wrap=number, shelf=shelf))
            scene = compose_scene(layout, theme, room=medium.width)
            yield scene
        ratio = (scene.width / medium.width) / (scene.height / medium.height)
        if (ratio < 1) if picture.direction == "LR" else (ratio > 1):
            return
