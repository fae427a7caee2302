"""Which kernels a device runs a network with."""

from __future__ import annotations

import torch

from archspec.backends.torch.kernels.fuse import fuse
from archspec.backends.torch.kernels.grow import grow
from archspec.graph import Graph


def select(graph: Graph, device: torch.device) -> Graph:
    """The graph with the kernels of a device in the place of what they compute; names and weights stay.

    Concatenations that build on one another write into one piece of memory. On a CPU that has oneDNN, a convolution takes along the
    sum and the ReLU after it.
    """
    if device.type == "meta":
        return graph
    graph = grow(graph)
    fused = device.type == "cpu" and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return fuse(graph) if fused else graph
