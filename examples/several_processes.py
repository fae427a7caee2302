"""Trains one network on the digits in one process, or the same on several: as a pipeline, data parallel, or sharded.

python examples/several_processes.py
torchrun --nproc-per-node 2 examples/several_processes.py pipeline
torchrun --nproc-per-node 2 examples/several_processes.py ddp
torchrun --nproc-per-node 2 examples/several_processes.py fsdp

All of them print the same losses up to the last digit, because the network normalises each sample separately; batch normalisation
would use a part of the batch in each process. They run on the CPU and communicate through gloo.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import ScheduleGPipe
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import archspec
from archspec.codegen.fx import find_blocks

SPEC = Path(__file__).with_name("distributed.yaml")
BATCH = 64
MICROBATCHES = 4  # of a pipeline, whose processes compute different ones at the same time


def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels [64, 1, 8, 8] between 0 and 1, and the digit of each image."""
    digits = load_digits()
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(digits.target).long()
    pairs = zip(torch.split(pixels, BATCH), torch.split(labels, BATCH), strict=True)
    return (pair for pair, _ in zip(pairs, range(steps), strict=False))


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)


def train(model: nn.Module, steps: int) -> Iterator[float]:
    """Yields the loss of each step. With several processes, each takes its share of each batch, and the loss is their mean."""
    optimizer = optimizer_of(model)
    rank, count = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    for pixels, labels in batches(steps):
        loss = cross_entropy(model(pixels.chunk(count)[rank]), labels.chunk(count)[rank])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        mean = loss.detach() / count
        if count > 1:
            dist.all_reduce(mean)
        yield mean.item()


def single(arch: archspec.Architecture, steps: int) -> Iterator[float]:
    return train(arch.build(), steps)


def ddp(arch: archspec.Architecture, steps: int) -> Iterator[float]:
    """Each process has the whole network; the gradients are averaged."""
    return train(DistributedDataParallel(arch.build()), steps)


def fsdp(arch: archspec.Architecture, steps: int) -> Iterator[float]:
    """Each process has a shard of every weight; those of a block are gathered while it computes."""
    model = arch.build()
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for block in find_blocks(model, "unit").values():
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return train(model, steps)


def pipeline(arch: archspec.Architecture, steps: int) -> Iterator[float]:
    """Each process has a stage of the network. Only the last one yields losses."""
    rank, count = dist.get_rank(), dist.get_world_size()
    stage = arch.pipeline(count).stage(rank, microbatch=BATCH // MICROBATCHES)
    schedule = ScheduleGPipe(stage, MICROBATCHES, loss_fn=cross_entropy)
    optimizer = optimizer_of(stage.submod)
    for pixels, labels in batches(steps):
        losses: list[Tensor] = []
        optimizer.zero_grad()
        schedule.step(*([pixels] if stage.is_first else []), target=labels if stage.is_last else None, losses=losses)
        optimizer.step()
        if stage.is_last:
            yield torch.stack(losses).mean().item()


MODES = {mode.__name__: mode for mode in (single, pipeline, ddp, fsdp)}


@click.command(help=__doc__)
@click.argument("mode", type=click.Choice(list(MODES)), default="single")
@click.option("--steps", type=click.IntRange(1, 28), default=8, show_default=True, help="Of the optimiser.")
def main(mode: str, steps: int) -> None:
    torch.set_num_threads(1)
    arch = archspec.load(SPEC)
    if mode == "single":
        tell(single(arch, steps))
        return
    if "RANK" not in os.environ:
        raise click.UsageError(
            f"{mode} needs several processes: torchrun --nproc-per-node 2 {Path(__file__).name} {mode}"
        )
    with process_group():
        speaker = dist.get_world_size() - 1 if mode == "pipeline" else 0
        tell(MODES[mode](arch, steps), aloud=dist.get_rank() == speaker)
    end_process()


@contextmanager
def process_group() -> Iterator[None]:
    """The process group of torchrun, with a barrier before it is destroyed."""
    dist.init_process_group("gloo")
    try:
        yield
        dist.barrier()
    finally:
        dist.destroy_process_group()


def end_process() -> NoReturn:
    """Ends this process without the interpreter's clean-up, during which a thread of gloo could abort it.

    Destroying the group joins its threads only when there are no references to it, and torch's caches for sharded tensors keep one to
    the end. A thread that frees a tensor after that aborts the process with "terminate called".
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def tell(losses: Iterator[float], *, aloud: bool = True) -> None:
    for step, loss in enumerate(losses):
        if aloud:
            print(f"step {step}  loss {loss:.6f}", flush=True)


if __name__ == "__main__":
    main()
