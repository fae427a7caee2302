"""Draws a network at one of four levels of detail."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from archspec.draw import blocks, layers, path_tree, stages
from archspec.draw.picture import Detail, Direction, DrawError, Fit, Picture
from archspec.ir.graph import Graph

DETAILS: tuple[Detail, ...] = get_args(Detail)


def draw_picture(
    graph: Graph,
    detail: Detail = "stages",
    *,
    fold: bool = True,
    depth: int | None = None,
    direction: Direction | None = None,
    fit: Fit | None = None,
    compact: bool = True,
    scale: bool = False,
    max_boxes: int = layers.LIMIT,
    max_paths: int = path_tree.LIMIT,
) -> Picture:
    """The picture of a network.

    Args:
        graph: the network.
        detail: what is drawn: stages, distinct blocks, layers, or single paths.
        fold: whether consecutive equal parts are drawn once, with `×N`.
        depth: with layers, the number of levels of regions that are opened; a deeper region is one box.
        direction: top to bottom ("TB") or left to right ("LR"); if None, the detail decides.
        fit: where it is to fit: a "column" of a paper (3.25 × 9 in), a "page" (6.5 × 9 in) or a "slide" (13.33 × 7.5 in). The chain of
            stages is wrapped into columns, and type has at least 7 points in print.
        compact: with blocks, whether a weighted layer is drawn as one box with its normalisation and activation.
        scale: whether stages are drawn to the scale of their outputs: height ∝ √resolution, width ∝ 1 + log₂ channels.
        max_boxes: the most boxes of a picture of layers.
        max_paths: the most paths that are drawn one by one; for more, their number through each arrow.

    Raises:
        DrawError: the picture would pass a limit, or has no scale.

    >>> import archspec
    >>> picture = draw_picture(archspec.load("resnet18").graph)
    >>> [box.lines[0].text for box in picture.boxes]
    ['input', 'conv1 … maxpool', 'layer1', 'layer2', 'layer3', 'layer4', 'avgpool … fc', 'output']
    """
    if scale and detail != "stages":
        raise DrawError(f"--detail {detail} has no scale", "leave --scale out, or draw --detail stages")
    if detail == "stages":
        picture = stages.draw_stages(graph, fold=fold, scale=scale)
    elif detail == "blocks":
        picture = blocks.draw_blocks(graph, fold=fold, compact=compact)
    elif detail == "layers":
        picture = layers.draw_layers(graph, fold=fold, depth=depth, limit=max_boxes)
    else:
        picture = path_tree.draw_paths(graph, fold=fold, limit=max_paths)
    return replace(picture, detail=detail, fit=fit, direction=direction or picture.direction)
