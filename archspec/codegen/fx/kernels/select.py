"""Which kernels a device runs a network with."""

from __future__ import annotations

import torch

from archspec.codegen.fx.kernels.concat_buffer import share_concat_buffers
from archspec.codegen.fx.kernels.fuse import fuse_conv_add_relu
from archspec.ir.graph import Graph


def select_kernels(graph: Graph, device: torch.device) -> Graph:
    """The graph with the kernels of a device in the place of what they compute; names and weights stay.

    On a CPU that has oneDNN, a convolution takes along the sum and the ReLU after it. Concatenations that build on one another
    write into one piece of memory: last, because it matters there in which order the kernels run.
    """
    if device.type == "meta":
        return graph
    fused = device.type == "cpu" and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return share_concat_buffers(fuse_conv_add_relu(graph) if fused else graph)
