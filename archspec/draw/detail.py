"""How much of a network a picture shows."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from archspec.draw import blocks, layers, stages, unravel
from archspec.draw.picture import Detail, Direction, Picture
from archspec.graph import Graph

DETAILS: tuple[Detail, ...] = get_args(Detail)


def sketch(
    graph: Graph,
    detail: Detail = "stages",
    *,
    fold: bool = True,
    depth: int | None = None,
    direction: Direction | None = None,
    max_boxes: int = layers.LIMIT,
    max_paths: int = unravel.LIMIT,
) -> Picture:
    """The picture of a network at that detail.

    `fold` draws equal parts in a row once, with `×N`. `depth` is the number of levels that the layers are shown at: what is
    deeper is one box. `max_boxes` and `max_paths` bound the pictures of layers and of paths.

    Raises:
        DrawError: the picture would pass a limit; it says what to do instead.
    """
    if detail == "stages":
        picture = stages.stages(graph, fold=fold)
    elif detail == "blocks":
        picture = blocks.blocks(graph, fold=fold)
    elif detail == "layers":
        picture = layers.layers(graph, fold=fold, depth=depth, limit=max_boxes)
    else:
        picture = unravel.paths(graph, limit=max_paths)
    return replace(picture, direction=direction) if direction else picture
