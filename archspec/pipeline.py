"""Cuts a network into pipeline stages and builds each as a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from archspec.analysis.cost_model import CostError, distribute_costs, model_work
from archspec.analysis.partition import CutError, PartitionStage, partition_network
from archspec.ir.graph import Graph
from archspec.ir.parts import UnknownPartError

if TYPE_CHECKING:
    import torch
    from torch.distributed import ProcessGroup
    from torch.distributed.pipelining import PipelineStage

__all__ = ["CostError", "CutError", "PartitionStage", "Pipeline", "UnknownPartError", "build_pipeline"]

CostUnit = Literal["MACs", "seconds"]
NetworkBuilder = Callable[..., "torch.fx.GraphModule"]
"""`Architecture.build`, with its arguments for device, dtype, seed and weights."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A network cut into stages, one for each process.

    >>> import archspec
    >>> pipeline = archspec.load("resnet50").pipeline(stages=4)
    >>> [stage.parts[0] for stage in pipeline.stages], round(pipeline.balance, 2)
    (['conv1', 'layer2', 'layer3.0', 'layer3.5'], 0.89)
    """

    graph: Graph
    stages: tuple[PartitionStage, ...]
    unit: CostUnit
    """The unit of the stages' costs: MACs of the cost model, or measured seconds."""
    build_network: NetworkBuilder | None = None
    """Builds the whole network, for an optimised one whose weights cannot be made part by part."""

    @property
    def balance(self) -> float:
        """The mean cost of a stage divided by the largest; 1 if all are equal."""
        largest = max(stage.cost for stage in self.stages)
        return sum(stage.cost for stage in self.stages) / len(self.stages) / largest if largest else 1.0

    def build(
        self,
        stage: int,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        seed: int | None = 0,
        *,
        weights: str | Path | None = None,
    ) -> torch.fx.GraphModule:
        """Builds one stage as a module in training mode, with the names and weights of `Architecture.build()`.

        It takes the values that the stage receives, in order and each with the batch first, and returns those that it sends: a tensor,
        or a tuple of several. Weights of other stages are created one layer at a time and not kept; only an optimised network is
        built whole, for its weights. `weights` is a file with those of the whole network. Needs torch.

        Raises:
            IndexError: there is no such stage.
            WeightsError: the weights cannot be read, or lack some of the stage's.
            OSError: the file of weights cannot be read.
        """
        from archspec.codegen.fx.pipeline import build_stage

        state = (
            None
            if self.build_network is None
            else self.build_network(device, dtype, seed, weights=weights).state_dict()
        )
        part = self.stages[stage]
        return build_stage(self.graph, part, device=device, dtype=dtype, seed=seed, weights=weights, state=state)

    def stage(
        self,
        stage: int,
        microbatch: int,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        seed: int | None = 0,
        *,
        weights: str | Path | None = None,
        group: ProcessGroup | None = None,
    ) -> PipelineStage:
        """One stage for the schedules of `torch.distributed.pipelining`, whose `submod` is the module of `build`.

        `microbatch` is the number of samples of one microbatch. `group` is an initialised process group, by default the default one.
        Raises as `build` does.
        """
        from archspec.codegen.fx.pipeline import pipeline_stage

        module = self.build(stage, device, dtype, seed, weights=weights)
        return pipeline_stage(
            self.graph, self.stages, stage, module, microbatch, device=device, dtype=dtype, group=group
        )

    def as_dict(self) -> dict[str, object]:
        stages = [stage.as_dict() for stage in self.stages]
        return {"name": self.graph.name, "unit": self.unit, "balance": self.balance, "stages": stages}


def build_pipeline(
    graph: Graph,
    stages: int,
    *,
    costs: Mapping[str, float] | None = None,
    measure: str | None = None,
    batch: int = 8,
    crossing: int | None = None,
    build_network: NetworkBuilder | None = None,
) -> Pipeline:
    """Cuts a network into stages of equal work; the arguments are those of `Architecture.pipeline`.

    >>> import archspec
    >>> len(build_pipeline(archspec.load("resnet18").graph, 2).stages)
    2
    """
    if costs is not None and measure is not None:
        raise CostError("costs are given or measured, not both")
    if measure is not None:
        from archspec.codegen.fx.timing import measure_nodes

        work: Sequence[float] = measure_nodes(graph, device=measure, batch=batch)
    else:
        work = model_work(graph) if costs is None else distribute_costs(graph, costs)
    unit: CostUnit = "MACs" if costs is None and measure is None else "seconds"
    return Pipeline(graph, partition_network(graph, stages, work, crossing=crossing), unit, build_network)
