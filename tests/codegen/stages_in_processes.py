"""Run by torchrun: each process has one stage of a network, or a wrapped network, and compares it with the whole.

Prints the differences of gradients, losses and running statistics from those of the whole on the same microbatches.
"""

from __future__ import annotations

import json
import sys

import torch
import torch.distributed as dist
from several_processes import end_process, process_group
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import Schedule1F1B, ScheduleGPipe
from torch.distributed.pipelining.schedules import PipelineScheduleSingle
from torch.distributed.tensor import DTensor
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import archspec
from archspec.codegen.fx import find_blocks
from tests.codegen.test_pipeline import FORK, inputs_of, together

MICROBATCHES, SIZE = 3, 4
TURNED = """\
name: turned
input: [2, 8, 8]
stages:
  stem: {conv: {out: 8, kernel: 3}}
  first: [mean: [conv: {out: 8, kernel: 3, padding: 1}, identity]]
  there: {permute: [1, 2, 0]}
  back: {permute: [2, 0, 1]}
  second: [mean: [conv: {out: 8, kernel: 3, padding: 1}, identity]]
  pool: globalpool
  head: {linear: 3}
passes: [drop_path: {local: 0.0, share: 0.0}]
"""
"""A non-contiguous value and booleans cross."""
CASES: tuple[tuple[archspec.Architecture, type[PipelineScheduleSingle], dict[str, float] | None], ...] = (
    (archspec.load(FORK), ScheduleGPipe, None),
    (archspec.load("unet", base=2, drop=0.0), Schedule1F1B, None),
    (archspec.load("cifar_resnet20_A"), Schedule1F1B, None),
    (archspec.load(TURNED), ScheduleGPipe, {"there": 1.0, "back": 1.0}),
)


def loss_of(outputs: Tensor | tuple[Tensor, ...], target: Tensor) -> Tensor:
    losses = [
        cross_entropy(output.flatten(2).mean(2) if output.dim() > 2 else output, target) for output in together(outputs)
    ]
    return torch.stack(losses).sum()


def compare(case: int) -> dict[str, object]:
    arch, schedule_of, costs = CASES[case]
    rank, count = dist.get_rank(), dist.get_world_size()
    inputs = inputs_of(arch, MICROBATCHES * SIZE)
    target = torch.arange(MICROBATCHES * SIZE) % 2
    pipeline = arch.pipeline(count, costs=costs)
    stage = pipeline.stage(rank, SIZE, seed=case)
    losses: list[Tensor] = []
    schedule = schedule_of(stage, MICROBATCHES, loss_fn=loss_of)
    schedule.step(*(inputs if stage.is_first else []), target=target if stage.is_last else None, losses=losses)

    whole = arch.build(seed=case)
    expected = []
    for *values, one in zip(*(torch.split(value, SIZE) for value in inputs), torch.split(target, SIZE), strict=True):
        expected.append(loss_of(whole(*values), one))
        (expected[-1] / MICROBATCHES).backward()  # type: ignore[no-untyped-call]
    parameters, buffers = dict(whole.named_parameters()), dict(whole.named_buffers())
    pairs = [(parameters[name].grad, one.grad) for name, one in stage.submod.named_parameters()]
    return {
        "network": arch.name,
        "stage": rank,
        "crossing": [one.name for one in pipeline.stages[0].sends],
        "gradients": max(_apart(one, other) for one, other in pairs),
        "statistics": max((_apart(buffers[name], one) for name, one in stage.submod.named_buffers()), default=0.0),
        "losses": max((_apart(one, other) for one, other in zip(losses, expected, strict=stage.is_last)), default=0.0),
    }


def wrap(way: str) -> dict[str, object]:
    """The network wrapped whole (`ddp`) or block by block (`fsdp`), each process with its part of a batch."""
    arch = archspec.load("cifar_resnet20_A")
    whole, model = (
        arch.build().eval(),
        arch.build().eval(),
    )  # in training each part of a batch would have its own statistics
    names = list(model.state_dict())
    rank, count = dist.get_rank(), dist.get_world_size()
    if way == "fsdp":
        mesh = init_device_mesh("cpu", (count,))
        for block in find_blocks(model).values():
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
    wrapped = model if way == "fsdp" else DistributedDataParallel(model)
    (inputs,) = inputs_of(arch, 4)
    target = torch.arange(4)
    losses = []
    for one, part in ((whole, slice(None)), (wrapped, slice(rank * 4 // count, (rank + 1) * 4 // count))):
        losses.append(cross_entropy(one(inputs[part]), target[part]))
        losses[-1].backward()  # type: ignore[no-untyped-call]
    mean = losses[1].detach() / count
    dist.all_reduce(mean)
    grads = dict(model.named_parameters())
    pairs = [(one.grad, _full(grads[name].grad)) for name, one in whole.named_parameters()]
    try:
        wrapped(inputs[:, :2])
    except RuntimeError as error:
        notes = error.__notes__
    return {
        "wrapped": way,
        "names": names == list(model.state_dict()),
        "loss": _apart(losses[0], mean),
        "gradients": max(_apart(one, other) for one, other in pairs),
        "note": notes[0],
    }


def leave_work_behind(reductions: int = 50) -> None:
    """Starts reductions without waiting, so that gloo's threads still have tensors when the processes end."""
    for _ in range(reductions):
        dist.all_reduce(torch.ones(300_000), async_op=True)


def _full(value: Tensor | None) -> Tensor | None:
    return value.full_tensor() if isinstance(value, DTensor) else value


def _apart(one: Tensor | None, other: Tensor | None) -> float:
    assert one is not None and other is not None
    return float((one - other).detach().abs().max() / one.abs().max().clamp(min=1))


if __name__ == "__main__":
    torch.set_num_threads(1)
    with process_group():
        for case in range(len(CASES)):
            sys.stdout.write(json.dumps(compare(case)) + "\n")
        for way in ("ddp", "fsdp"):
            sys.stdout.write(json.dumps(wrap(way)) + "\n")
        leave_work_behind()
    end_process()
