"""How much of a network a picture shows."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from archspec.draw import blocks, layers, path_tree, stages
from archspec.draw.picture import Detail, Direction, Picture
from archspec.ir.graph import Graph

DETAILS: tuple[Detail, ...] = get_args(Detail)


def draw_picture(
    graph: Graph,
    detail: Detail = "stages",
    *,
    fold: bool = True,
    depth: int | None = None,
    direction: Direction | None = None,
    max_boxes: int = layers.LIMIT,
    max_paths: int = path_tree.LIMIT,
) -> Picture:
    """The picture of a network at that detail.

    `fold` draws equal parts in a row once, with `×N`. `depth` is the number of levels that the layers are shown at: what is
    deeper is one box. `max_boxes` and `max_paths` bound the pictures of layers and of paths.

    Raises:
        DrawError: the picture would pass a limit; it says what to do instead.
    """
    if detail == "stages":
        picture = stages.draw_stages(graph, fold=fold)
    elif detail == "blocks":
        picture = blocks.draw_blocks(graph, fold=fold)
    elif detail == "layers":
        picture = layers.draw_layers(graph, fold=fold, depth=depth, limit=max_boxes)
    else:
        picture = path_tree.draw_paths(graph, limit=max_paths)
    return replace(picture, direction=direction) if direction else picture
