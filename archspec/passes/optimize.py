"""Runs the pipelines of passes that make a network faster without changing its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from archspec.ir.graph import Graph
from archspec.passes.contract import Pass
from archspec.passes.elide import elide
from archspec.passes.fold_batchnorm import fold_batchnorm, fold_batchnorm_forward
from archspec.passes.fuse_preactivation import fuse_preactivation
from archspec.passes.grouped_paths import grouped_paths
from archspec.passes.merge_convs import merge_convs
from archspec.passes.move_biases import move_biases
from archspec.passes.pool_first import pool_first
from archspec.passes.remove_parametrizations import remove_parametrizations

Purpose = Literal["inference", "training"]
Pipeline = tuple[tuple[Pass, Mapping[str, Any]], ...]
"""Passes with their arguments, in order."""

PIPELINES: Mapping[Purpose, Pipeline] = {
    "inference": (
        (elide, {"inference": True}),
        (remove_parametrizations, {}),
        (grouped_paths, {}),
        (fold_batchnorm, {}),
        (fold_batchnorm_forward, {}),
        (fuse_preactivation, {}),
        (move_biases, {}),
        (pool_first, {}),
    ),
    "training": (
        (elide, {"inference": False}),
        (grouped_paths, {}),
    ),
}
MERGING: Pipeline = ((merge_convs, {}),)


def optimize(graph: Graph, purpose: Purpose, *, merge: bool = False) -> Graph:
    """A network that computes the same with less work; `weight_provenance` records the changes of its weights.

    For `inference` it computes what the network computes in evaluation: ops that only training needs are removed, weights are
    computed once, normalisations are folded into convolutions, and the back end may choose kernels without a backward pass. For `training` only passes run that
    are exact in training. `merge` also merges parallel 1×1 convolutions, which helps if small kernels do not fill a device.

    Raises:
        PassError: a pass broke its contract.
    """
    for chosen, arguments in PIPELINES[purpose] + (MERGING if merge else ()):
        graph = chosen.run(graph, arguments, optional=True)
    return replace(graph, inference=purpose == "inference")
