"""The stages of a pipeline as modules, and as `torch.distributed.pipelining` takes them."""

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
"""Bytes that a number of the weights takes at most."""


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
    """A stage of a network as a module: its weights have the names and the values that `build` gives them in the whole.

    Takes what the stage receives as arguments, in order, each with the batch first, and gives what it sends: a tensor, or a
    tuple where there are several. No more than its own weights and one other layer's are in memory at any time; those of the
    layers before it are drawn and left, so that the draws that follow are the same. `weights` is a file with those of the
    network, as in `load_weights`; only the stage's own are taken. `state` is the network's `state_dict`, in the place of both.

    Raises:
        WeightsError: the weights cannot be read, or do not have all of the stage's.
        OSError: the file cannot be read.
    """
    part = extract_stage(graph, stage)
    if state is not None:
        module = build(part, device=device, dtype=dtype, seed=seed)
        own = module.state_dict()
        copy_weights({key: state[key] for key in own}, own)
        return module
    wanted = {step.path for step in lower_graph(part) if step.lowered.stateful_call and step.node.weights}
    states = draw_states(graph, wanted, torch.device(device), dtype, seed)
    module = build(part, device=device, dtype=dtype, seed=seed, states=states)
    if weights is not None:
        cost = sum_costs(graph)
        load_own_weights(module, weights, graph, limit=compute_read_limit(_WIDEST * (cost.params + cost.buffers)))
    return module


def draw_states(
    graph: Graph, wanted: Collection[Path], device: torch.device, dtype: torch.dtype | None, seed: int | None
) -> dict[Path, State]:
    """The modules and parameters of some paths as `build` makes them of the whole graph."""
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
    """A stage for a schedule of `torch.distributed.pipelining`: `module`, as `build_stage` made it, is its `submod`.

    `microbatch` is how many samples go through it at once. What it receives and sends has its sizes told from the start, so
    that the schedule need not run the network to find them out: running statistics would count that run. Needs an
    initialised process group.
    """
    received, sent = infer_traffic(graph, stages, index, microbatch, dtype)
    if index < len(stages) - 1:
        module.register_forward_hook(make_contiguous)
    place = torch.device(device)
    return PipelineStage(module, index, len(stages), place, input_args=received, output_args=sent, group=group)


def infer_traffic(
    graph: Graph, stages: Sequence[PartitionStage], index: int, batch: int, dtype: torch.dtype | None
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """What a stage receives and sends, as tensors without values: those that the stages up to it make on the device "meta"."""
    values = tuple(_blank_inputs(graph, stages[0], batch, dtype))
    for stage in stages[: index + 1]:
        received = tuple(value.detach().requires_grad_(value.requires_grad) for value in values)
        module = build(extract_stage(graph, stage), device="meta", dtype=dtype).eval()
        sent = make_contiguous(module, received, module(*received))
        values = sent if isinstance(sent, tuple) else (sent,)
    return received, values


def _blank_inputs(graph: Graph, first: PartitionStage, batch: int, dtype: torch.dtype | None) -> list[Tensor]:
    """The network's inputs without values."""
    made = []
    for crossing in first.receives:
        indices = graph.holds_indices(crossing.value)
        made.append(torch.empty((batch, *crossing.sizes), device="meta", dtype=torch.long if indices else dtype))
    return made


def make_contiguous(_: nn.Module, __: Any, outputs: Any) -> Any:
    """A forward hook: outputs as a process group sends them, without gaps and in order."""
    if isinstance(outputs, tuple):
        return tuple(value.contiguous() for value in outputs)
    return outputs.contiguous()
