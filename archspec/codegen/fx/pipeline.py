"""Builds pipeline stages as modules and for `torch.distributed.pipelining`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.distributed import ProcessGroup
from torch.distributed.pipelining import PipelineStage

from archspec.analysis.counts import sum_costs
from archspec.analysis.partition import PartitionStage
from archspec.codegen.fx.assemble import build
from archspec.codegen.fx.checkpoint import copy_weights, load_own_weights
from archspec.codegen.fx.weight_files import Weights, compute_read_limit
from archspec.codegen.fx.weights import State, create_state, seed_generators
from archspec.codegen.lowering import LoweredNode, lower_graph
from archspec.codegen.module_tree import build_module_tree
from archspec.codegen.subgraph import extract_stage
from archspec.ir.graph import Graph, Path

_WIDEST = 8
"""The most bytes of one element of a weight."""


def build_stage(
    graph: Graph,
    stage: PartitionStage,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    seed: int | None = 0,
    weights: Weights | None = None,
    state: Mapping[str, Tensor] | None = None,
) -> fx.GraphModule:
    """Builds a stage of a network as a module, with the names and values of weights that `build` gives the whole network.

    It takes the values that the stage receives, in order and each with the batch first, and returns those that it sends: a tensor, or
    a tuple of several. At most its own weights and those of one other layer are in memory; the weights of earlier layers are drawn
    and discarded, so that the random numbers are the same. `weights` is a file with those of the network, as in `load_weights`, of
    which only the stage's are loaded. `state` is the network's `state_dict`, in place of both.

    Raises:
        WeightsError: the weights cannot be read, or lack some of the stage's.
        OSError: the file cannot be read.
    """
    part = extract_stage(graph, stage)
    if state is not None:
        module = build(part, device=device, dtype=dtype, seed=seed, named_outputs=False)
        own = module.state_dict()
        copy_weights({key: state[key] for key in own}, own)
        return module
    wanted = {step.path for step in lower_graph(part) if step.lowered.stateful_call and step.node.weights}
    states = draw_states(graph, wanted, torch.device(device), dtype, seed)
    module = build(part, device=device, dtype=dtype, seed=seed, states=states, named_outputs=False)
    if weights is not None:
        cost = sum_costs(graph)
        load_own_weights(module, weights, graph, limit=compute_read_limit(_WIDEST * (cost.params + cost.buffers)))
    return module


def draw_states(
    graph: Graph, wanted: Collection[Path], device: torch.device, dtype: torch.dtype | None, seed: int | None
) -> dict[Path, State]:
    """The modules and parameters at some paths, as `build` initialises them in the whole graph."""
    kept: dict[Path, State] = {}
    met: set[Path] = set()
    with seed_generators(seed, device):
        for part in build_module_tree(graph).parts:
            for item in part.flattened:
                if not isinstance(item, LoweredNode) or item.lowered.stateful_call is None or item.path in met:
                    continue
                met.add(item.path)
                state = create_state(item, device, dtype)
                if item.path in wanted:
                    kept[item.path] = state
                if len(kept) == len(wanted) and seed is not None:
                    return kept
    return kept


def pipeline_stage(
    graph: Graph,
    stages: Sequence[PartitionStage],
    index: int,
    module: fx.GraphModule,
    microbatch: int,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    group: ProcessGroup | None = None,
) -> PipelineStage:
    """A stage for a schedule of `torch.distributed.pipelining`; its `submod` is `module`, from `build_stage`.

    `microbatch` is the number of samples of one microbatch. The sizes of received and sent values are given, so that the schedule does
    not run the network to infer them, which would update running statistics. Needs an initialised process group.
    """
    received, sent = infer_traffic(graph, stages, index, microbatch, dtype)
    if index < len(stages) - 1:
        module.register_forward_hook(make_contiguous)
    place = torch.device(device)
    return PipelineStage(module, index, len(stages), place, input_args=received, output_args=sent, group=group)


def infer_traffic(
    graph: Graph, stages: Sequence[PartitionStage], index: int, batch: int, dtype: torch.dtype | None
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The values that a stage receives and sends, as tensors on the device "meta"."""
    values = tuple(_blank_inputs(graph, stages[0], batch, dtype))
    for stage in stages[: index + 1]:
        received = tuple(value.detach().requires_grad_(value.requires_grad) for value in values)
        module = build(extract_stage(graph, stage), device="meta", dtype=dtype).eval()
        sent = make_contiguous(module, received, module(*received))
        values = sent if isinstance(sent, tuple) else (sent,)
    return received, values


def _blank_inputs(graph: Graph, first: PartitionStage, batch: int, dtype: torch.dtype | None) -> list[Tensor]:
    """The network's inputs as tensors on the device "meta"."""
    made = []
    for crossing in first.receives:
        indices = graph.holds_indices(crossing.value)
        made.append(torch.empty((batch, *crossing.sizes), device="meta", dtype=torch.long if indices else dtype))
    return made


def make_contiguous(_: nn.Module, __: Any, outputs: Any) -> Any:
    """A forward hook that makes outputs contiguous, as process groups require."""
    if isinstance(outputs, tuple):
        return tuple(value.contiguous() for value in outputs)
    return outputs.contiguous()
