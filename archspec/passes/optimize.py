"""What makes a network faster without changing what it computes: passes in the order in which one opens the way for the next."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Literal

from archspec.ir.graph import Graph
from archspec.passes.base import Pass, PassError
from archspec.passes.elide import elide
from archspec.passes.fold_batchnorm import fold_batchnorm, fold_batchnorm_forward
from archspec.passes.fuse_preactivation import fuse_preactivation
from archspec.passes.grouped_paths import grouped_paths
from archspec.passes.merge_convs import merge_convs
from archspec.passes.pool_first import pool_first

Purpose = Literal["inference", "training"]

INFERENCE: tuple[Pass, ...] = (
    elide,
    grouped_paths,
    fold_batchnorm,
    fold_batchnorm_forward,
    fuse_preactivation,
    pool_first,
)
TRAINING: tuple[Pass, ...] = (partial(elide, inference=False), grouped_paths)


def optimize(graph: Graph, purpose: Purpose, *, merge: bool = False) -> Graph:
    """A network that computes the same with less work; its weights are carried.

    For `inference`, what only training needs is left out, and normalisations become parts of convolutions: it computes what the network
    computes in evaluation, and its back end may choose kernels that cannot be trained through. For `training`, only what is exact
    there too is done. `merge` also makes one of parallel 1×1 convolutions, which helps where small kernels leave a device idle.
    """
    passes = INFERENCE if purpose == "inference" else TRAINING
    for function in (*passes, merge_convs) if merge else passes:
        with suppress(PassError):  # it has nothing to do here
            graph = function(graph)
    graph.inference = purpose == "inference"
    return graph
