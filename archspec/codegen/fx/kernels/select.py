"""Selects the kernels of a network for a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from archspec.codegen.fx.kernels import cudnn, onednn
from archspec.codegen.fx.kernels.concat_buffer import share_concat_buffers
from archspec.codegen.fx.kernels.fuse import fuse_convolutions
from archspec.codegen.fx.kernels.memory_passes import use_channel_kernels, use_token_kernels
from archspec.codegen.fx.kernels.pool_order import pool_last
from archspec.ir.graph import Graph
from archspec.passes.contract import Pass

KernelPasses = tuple[tuple[Pass, Mapping[str, Any]], ...]

_ON_CPU: KernelPasses = (
    (fuse_convolutions, {"activations": onednn.ACTIVATIONS, "after_sum": onednn.AFTER_SUM, "selective": True}),
)
_ON_CUDA: KernelPasses = (
    (pool_last, {}),
    (fuse_convolutions, {"activations": cudnn.ACTIVATIONS, "after_sum": cudnn.ACTIVATIONS, "tensor_cores": True}),
    (use_channel_kernels, {}),
    (use_token_kernels, {}),
)
_LAST: KernelPasses = ((share_concat_buffers, {}),)
"""Runs after the other passes, because it depends on the order of the kernels."""

KERNEL_PASSES: Mapping[str, KernelPasses] = {
    "cpu": (*(_ON_CPU if onednn.AVAILABLE else ()), *_LAST),
    "cuda": (*_ON_CUDA, (share_concat_buffers, {"dense_reads": True})),
    "meta": (),
}
"""The passes that replace ops by kernels, by device type."""


def select_kernels(graph: Graph, device: torch.device) -> Graph:
    """The graph with the kernels of a device in place of the ops that they compute; names and weights are kept.

    On a CPU with oneDNN, convolutions are fused with the sum and the activation after them. On CUDA this is done with cuDNN and Triton,
    first convolutions run on the image rearranged from space to depth, average pooling is moved to where it costs least, and a clamp
    or a factor and a shift is one pass over memory. Chains of concatenations share one buffer.
    """
    for kernel_pass, arguments in KERNEL_PASSES.get(device.type, _LAST):
        graph = kernel_pass(graph, **arguments)
    return graph
