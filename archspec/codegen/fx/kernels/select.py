"""Selects the kernels of a network for a device."""

from __future__ import annotations

import torch

from archspec.codegen.fx.kernels.concat_buffer import share_concat_buffers
from archspec.codegen.fx.kernels.fuse import fuse_conv_add_relu
from archspec.ir.graph import Graph


def select_kernels(graph: Graph, device: torch.device) -> Graph:
    """The graph with the kernels of a device in place of the ops that they compute; names and weights are kept.

    On a CPU with oneDNN, convolutions are fused with the sum and the ReLU after them. Shared concatenation buffers come last, because
    they depend on the order of the kernels.
    """
    if device.type == "meta":
        return graph
    fused = device.type == "cpu" and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return share_concat_buffers(fuse_conv_add_relu(graph) if fused else graph)
