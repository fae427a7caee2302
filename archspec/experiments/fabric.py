"""Where a training runs: devices, processes and precision, by Lightning Fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from archspec import extras
from archspec.codegen.fx.block import find_blocks
from archspec.codegen.fx.trial import find_device
from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph
from archspec.ops.base import Op
from archspec.ops.dropout import DropPath
from archspec.ops.fractal import ColumnDraw, DropMean

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
"""The words for them, and Fabric's."""
STRATEGIES = ("auto", "ddp", "fsdp")


@dataclass(frozen=True)
class Hardware:
    """What a training may use.

    Under `torchrun`, the processes are those that it starts; `devices` and `nodes` are then its business.

    Raises:
        ExperimentError: a word is unknown, or the parts do not go together.

    >>> Hardware(precision="bf16").processes
    1
    """

    device: str = "auto"
    """`auto`, `cpu`, `cuda`, or one card as `cuda:1`."""
    precision: str = "32"
    """The floating point numbers of matrix products: float32, or bfloat16 or float16 by autocast with weights in float32."""
    strategy: str = "auto"
    """How several processes share: each has all weights (`ddp`), or a part of them (`fsdp`, torch's `fully_shard`)."""
    devices: int = 1
    """The devices of one machine, each with a process of its own."""
    compile: bool = False
    """Whether the network goes through `torch.compile`."""

    def __post_init__(self) -> None:
        for name, words in (("precision", tuple(PRECISIONS)), ("strategy", STRATEGIES)):
            if getattr(self, name) not in words:
                raise ExperimentError(f"{name}: expected {', '.join(words)}, got {getattr(self, name)!r}")
        if self.strategy == "fsdp" and self.precision == "fp16":
            raise ExperimentError("fsdp has no scaled gradients, which fp16 needs: expected the precision 32 or bf16")
        if self.processes == 1 and self.strategy != "auto":
            raise ExperimentError(
                f"{self.strategy} is for several processes: start them with torchrun, or with --devices"
            )

    @property
    def processes(self) -> int:
        """The number of processes that train together."""
        return int(os.environ["WORLD_SIZE"]) if is_under_torchrun() else self.devices


def is_under_torchrun() -> bool:
    """Whether `torchrun` started this process, and others beside it.

    >>> is_under_torchrun()
    False
    """
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch_fabric(hardware: Hardware | None = None, graph: Graph | None = None, loggers: Iterable[Any] = ()) -> Fabric:
    """Fabric for the hardware, with its processes connected; each of them returns from here.

    Args:
        hardware: what is used; without it, a GPU if there is one.
        graph: the network, where it may leave weights without gradients in a step.
        loggers: Fabric's loggers.

    Raises:
        ExperimentError: Fabric is not installed, or there are fewer devices than asked for.
        MissingDeviceError: the device is not available.

    >>> launch_fabric(Hardware("cpu")).device
    device(type='cpu')
    """
    hardware = hardware or Hardware()
    place = find_device(hardware.device)
    package = extras.load_extra("lightning_fabric", "training", "pip install 'archspec-nn[train]'", ExperimentError)
    with _only_warnings():
        fabric: Fabric = package.Fabric(
            accelerator=place.type,
            devices=_choose_devices(place, hardware),
            num_nodes=hardware.processes // _count_local(hardware),
            strategy=_make_strategy(hardware, graph),
            plugins=_make_precision(place, hardware),
            loggers=list(loggers),
        )
        fabric.launch()
    return fabric


@contextmanager
def _only_warnings() -> Iterator[None]:
    """Fabric logs what its arguments and processes are; here that is known."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _count_local(hardware: Hardware) -> int:
    """The processes of this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if is_under_torchrun() else hardware.devices


def _choose_devices(place: torch.device, hardware: Hardware) -> int | list[int]:
    """How many devices Fabric takes, or which card."""
    count = _count_local(hardware)
    if place.type == "cuda" and count > torch.cuda.device_count():
        raise ExperimentError(f"expected at most {torch.cuda.device_count()} processes of cuda here, got {count}")
    return [place.index] if count == 1 and ":" in hardware.device else count


def _make_precision(place: torch.device, hardware: Hardware) -> Any:
    """Fabric's precision. By its name alone, Fabric would take bfloat16 for float16 on a CPU."""
    from lightning_fabric.plugins.precision.amp import MixedPrecision
    from lightning_fabric.plugins.precision.precision import Precision

    word: Any = PRECISIONS[hardware.precision]
    return Precision() if hardware.precision == "32" else MixedPrecision(word, place.type)


def _make_strategy(hardware: Hardware, graph: Graph | None) -> Any:
    if hardware.processes == 1:
        return "auto"
    from lightning_fabric.strategies.ddp import DDPStrategy
    from lightning_fabric.strategies.model_parallel import ModelParallelStrategy

    dropped = graph is not None and any(_leaves_out(node.op) for node in graph.ops)
    if hardware.strategy == "fsdp" and dropped:
        raise ExperimentError(
            "in fsdp all processes compute the same parts, and this network leaves out others in each: expected ddp"
        )
    if hardware.strategy == "fsdp":
        return ModelParallelStrategy(_shard_blocks, data_parallel_size=hardware.processes, tensor_parallel_size=1)
    return DDPStrategy(find_unused_parameters=dropped)


def _leaves_out(op: Op) -> bool:
    """Whether an op's draw decides, for a whole minibatch, that a branch is not computed."""
    return isinstance(op, DropMean | ColumnDraw) or (isinstance(op, DropPath) and op.mode == "batch")


def _shard_blocks(model: nn.Module, mesh: Any) -> nn.Module:
    """Shards the weights of each block, and of what is in none, over all processes."""
    from torch.distributed.fsdp import fully_shard

    for block in find_blocks(model).values():
        fully_shard(block, mesh=mesh["data_parallel"])
    fully_shard(model, mesh=mesh["data_parallel"])
    return model


def set_up_network(fabric: Fabric, model: nn.Module, *, compiled: bool = False) -> nn.Module:
    """What is called in the place of the network: it runs in Fabric's precision and brings gradients together.

    >>> model = nn.Linear(2, 2)
    >>> set_up_network(launch_fabric(Hardware("cpu")), model)(torch.ones(1, 2)).shape
    torch.Size([1, 2])
    """
    if fabric.device.type == "cuda" and all(parameter.ndim != 5 for parameter in model.parameters()):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module: nn.Module = fabric.setup_module(cast(nn.Module, torch.compile(model)) if compiled else model)
    return module


def gather_tensor(tensor: Tensor) -> Tensor:
    """A tensor as a whole, where processes have parts of it; all of them must ask.

    >>> gather_tensor(torch.ones(2))
    tensor([1., 1.])
    """
    whole = getattr(tensor, "full_tensor", None)
    return tensor if whole is None else whole()


def distribute_like(tensor: Tensor, own: Tensor) -> Tensor:
    """This process's part of a whole tensor, as it has one of `own`.

    >>> distribute_like(torch.ones(2), torch.zeros(2))
    tensor([1., 1.])
    """
    if not hasattr(own, "full_tensor"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(own.device), own.device_mesh, own.placements)  # type: ignore[attr-defined]


def synchronize_buffers(fabric: Fabric, model: nn.Module) -> None:
    """Gives all processes the running statistics of the first, as `DistributedDataParallel` does, in one message.

    >>> synchronize_buffers(launch_fabric(Hardware("cpu")), nn.BatchNorm2d(2))
    """
    if fabric.world_size == 1:
        return
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    if not buffers:
        return
    together = torch.cat([buffer.flatten() for buffer in buffers])
    torch.distributed.broadcast(together, 0)
    for buffer, own in zip(buffers, torch.split(together, [buffer.numel() for buffer in buffers]), strict=True):
        buffer.copy_(own.view_as(buffer))
