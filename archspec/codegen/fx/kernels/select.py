"""Which kernels a device runs a network with: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from archspec.codegen.fx.kernels import cudnn, onednn
from archspec.codegen.fx.kernels.channel_passes import use_channel_kernels
from archspec.codegen.fx.kernels.concat_buffer import share_concat_buffers
from archspec.codegen.fx.kernels.fuse import fuse_convolutions
from archspec.codegen.fx.kernels.pool_order import pool_last
from archspec.ir.graph import Graph
from archspec.passes.contract import Pass

KernelPasses = tuple[tuple[Pass, Mapping[str, Any]], ...]

_ON_CPU: KernelPasses = ((fuse_convolutions, {"activations": onednn.ACTIVATIONS, "after_sum": onednn.AFTER_SUM}),)
_ON_CUDA: KernelPasses = (
    (pool_last, {}),
    (fuse_convolutions, {"activations": cudnn.ACTIVATIONS, "after_sum": cudnn.ACTIVATIONS, "deepen": True}),
    (use_channel_kernels, {}),
)
_LAST: KernelPasses = ((share_concat_buffers, {}),)
"""After the others, because the order in which the kernels run matters there."""

KERNEL_PASSES: Mapping[str, KernelPasses] = {
    "cpu": (*(_ON_CPU if onednn.AVAILABLE else ()), *_LAST),
    "cuda": (*_ON_CUDA, (share_concat_buffers, {"dense_reads": True})),
    "meta": (),
}
"""The passes that put the kernels of a kind of device in the place of what they compute."""


def select_kernels(graph: Graph, device: torch.device) -> Graph:
    """The graph with the kernels of a device in the place of what they compute; names and weights stay.

    On a CPU that has oneDNN, a convolution takes along the sum and the activation after it. On CUDA, it does so with cuDNN and Triton,
    first convolutions see their image rearranged from space to depth, average pooling stands where it costs least, and a clamp or a
    factor and a shift is one pass over memory. Concatenations that build on one another write into one piece of memory.
    """
    for kernel_pass, arguments in KERNEL_PASSES.get(device.type, _LAST):
        graph = kernel_pass(graph, **arguments)
    return graph
